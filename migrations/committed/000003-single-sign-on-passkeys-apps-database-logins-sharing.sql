--! Previous: sha1:1d9022da11fb42e6a1470c7c7008711e68e885db
--! Hash: sha1:5225e6dfe280e127025024c44cbebe0166a01ce9
--! Message: single sign-on, passkeys, apps, database logins, sharing

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
--! Included engine/permissions/seeing.sql
-- Seeing the workspace as a role or as another member does, to find out what they see. The session takes that role and
-- reads only; the settings that say so come from the server with each statement, as the member does. Nobody sees
-- more by it than without: where the other reads what one does not read oneself it is refused, and of private
-- objects only those records are shown that both may see.

-- The member who looks, where it is not the one whose view it is.
create or replace function engine.seen_by() returns uuid
language sql stable
  return case when engine.is_trusted_session() then nullif(current_setting('relvar.seen_by', true), '')::uuid end;
comment on function engine.seen_by() is 'The member who sees the workspace as another member or another role; null for who sees it as oneself.';

-- What belongs to a person, such as tokens and how to read, is that of the one who looks.
create or replace function engine.person() returns uuid
language sql stable
  return coalesce(engine.seen_by(), engine.current_member());

-- Whose private records are shown: nobody's own to who looks as somebody else, for shared_ids() tells of those that both see.
create or replace function engine.private_member() returns uuid
language sql stable
  return case when engine.seen_by() is null then engine.current_member() end;
grant execute on function engine.seen_by(), engine.private_member() to public;

-- Records of a private object that the other and who looks may both see.
create or replace function engine.find_seen_ids(caller name, object_id uuid) returns setof uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_viewer uuid := engine.seen_by();
begin
  return query execute (
    select format('select t.id from %I.%I t where %s and %s', w.schema_name, o.table_name,
      engine.condition_of(caller, o.id, 'READ', 't.', engine.current_member()), engine.condition_of(r.pg_role, o.id, 'READ', 't.', v_viewer))
    from metadata.objects o
    join core.workspaces w on w.id = o.workspace_id
    join core.members m on m.id = v_viewer and m.workspace_id = o.workspace_id
    join metadata.roles r on r.id = m.role_id
    where o.id = find_seen_ids.object_id);
end
$$;

-- What a role may see or do that another may not, in words. Private objects do not count: there the records are those that both see.
create or replace function engine.sees_beyond(viewer name, target name) returns setof text
language sql stable set search_path = '' set jit = off
as $$
  with v as materialized (
    select engine.permissions_of(viewer) as p
  ), t as materialized (
    select engine.permissions_of(target) as p
  ), reads as materialized (
    select o.*, e.value as rights, v.p -> 'objects' -> e.key as own
    from t cross join v cross join lateral jsonb_each(t.p -> 'objects') e join metadata.objects o on o.id = e.key::uuid
    where (e.value ->> 'canRead')::boolean
  )
  select format('the permission "%s"', f.label)
  from t cross join v cross join engine.permission_flags() f
  where t.p -> 'flags' ? f.flag and not v.p -> 'flags' ? f.flag
  union all
  select case when not coalesce((r.own ->> 'canRead')::boolean, false) then r.label_plural else 'all ' || r.label_plural end
  from reads r
  where not coalesce((r.own ->> 'canRead')::boolean, false)
    or (r.own ->> 'isLimited')::boolean and not r.is_private
      -- The links of a role without a word of its own on them follow the two objects that they link.
      and not (r.is_junction and not exists (
        select from metadata.object_permissions p where p.object_id = r.id and p.role_id in (select engine.roles_of(target))))
  union all
  select format('the field "%s" of %s', f.label, r.label_plural)
  from reads r
  cross join lateral jsonb_array_elements_text(r.own -> 'unreadableFields') u
  join metadata.fields f on f.id = u::uuid
  where (r.own ->> 'canRead')::boolean and not r.rights -> 'unreadableFields' ? u
$$;

-- As what a session sees, for as long as its member may: asked whenever the session is looked up.
create or replace function core.resolve_seeing(session_id uuid)
returns table (seeing_pg_role text, seeing_role_id uuid, seeing_role_name text, seeing_member_id uuid, seeing_member_name text)
language sql stable security definer set search_path = ''
as $$
  select r.pg_role, r.id, r.name, t.id, t.name
  from core.sessions s
  join core.members v on v.user_id = s.user_id and v.workspace_id = s.workspace_id
  join metadata.roles vr on vr.id = v.role_id
  left join core.members t on t.id = s.seeing_member_id and t.is_active
  join metadata.roles r on r.id = coalesce(s.seeing_role_id, t.role_id)
  where s.id = resolve_seeing.session_id and s.impersonator_user_id is null
    and engine.role_may(vr.pg_role, 'ROLES') and not exists (select from engine.sees_beyond(vr.pg_role, r.pg_role))
$$;

create or replace function core.begin_seeing(session_id uuid, role_id uuid, member_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_session core.sessions;
  v_viewer metadata.roles;
  v_target metadata.roles;
  v_beyond text[];
begin
  select * into v_session from core.sessions s where s.id = begin_seeing.session_id and s.revoked_at is null for update;
  select r.* into v_viewer from core.members m join metadata.roles r on r.id = m.role_id
  where m.user_id = v_session.user_id and m.workspace_id = v_session.workspace_id and m.is_active;
  if v_session.impersonator_user_id is not null or v_viewer.id is null or not engine.role_may(v_viewer.pg_role, 'ROLES') then
    raise exception 'Only who keeps the roles sees the workspace as others do.' using errcode = 'RV163', hint = 'Ask an administrator of the workspace.';
  end if;
  select r.* into v_target from metadata.roles r
  where r.workspace_id = v_session.workspace_id
    and r.id = coalesce(begin_seeing.role_id, (select m.role_id from core.members m where m.id = begin_seeing.member_id and m.workspace_id = v_session.workspace_id and m.is_active));
  if not found then
    raise exception 'There is no such role or active member.' using errcode = 'RV163', hint = 'Give the id of one or of the other.';
  end if;
  v_beyond := array(select engine.sees_beyond(v_viewer.pg_role, v_target.pg_role) order by 1);
  if v_beyond <> '{}' then
    raise exception 'The role "%" sees what yours does not: %.', v_target.name, array_to_string(v_beyond[:3], ', ') || case when cardinality(v_beyond) > 3 then ' and more' else '' end
      using errcode = 'RV164', detail = array_to_string(v_beyond, E'\n'), hint = 'Nobody sees more as another role than without. Ask somebody whose role sees all of it.';
  end if;
  update core.sessions s set seeing_role_id = case when begin_seeing.member_id is null then v_target.id end, seeing_member_id = begin_seeing.member_id where s.id = v_session.id;
  perform pg_notify('relvar_identity', json_build_object('session', v_session.id)::text);
end
$$;
comment on function core.begin_seeing(uuid, uuid, uuid) is 'Lets a session see its workspace as a role or as a member does, read only, until core.end_seeing.';

create or replace function core.end_seeing(session_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update core.sessions s set seeing_role_id = null, seeing_member_id = null
  where s.id = end_seeing.session_id and coalesce(s.seeing_role_id, s.seeing_member_id) is not null;
  if not found then
    return false;
  end if;
  perform pg_notify('relvar_identity', json_build_object('session', session_id)::text);
  return true;
end
$$;
comment on function core.end_seeing(uuid) is 'Lets a session see its workspace as its own member again. False when it did.';

grant execute on function core.resolve_seeing(uuid), core.begin_seeing(uuid, uuid, uuid), core.end_seeing(uuid) to relvar_server;
--! EndIncluded engine/permissions/seeing.sql
-- A webhook tells what its role sees.
alter table metadata.webhooks add column if not exists role_id uuid;
update metadata.webhooks h set role_id = r.id from metadata.roles r where r.workspace_id = h.workspace_id and r.is_system and r.has_all_permissions and h.role_id is null;
alter table metadata.webhooks
  add foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id);
create index if not exists webhooks_workspace_id_role_id_idx on metadata.webhooks (workspace_id, role_id);
comment on column metadata.webhooks.role_id is 'It tells what this role sees, and nobody is its member; that of who made it unless another is given.';
grant insert (role_id), update (role_id) on metadata.webhooks to relvar_crm;
drop function engine.record_conditions(uuid, metadata.objects, text, uuid);

--! Included engine/uuid.sql
-- Ids are UUIDs that grow with time, so that a primary key is also the order of creation and new
-- rows land on the same index pages. PostgreSQL 18 makes them itself; older servers get this
-- function of the same form (RFC 9562: 48 bits of milliseconds, the version, 12 bits of their fraction, randomness).
do $$
begin
  if current_setting('server_version_num')::int >= 180000 then
    create or replace function engine.uuidv7() returns uuid language sql volatile
      return pg_catalog.uuidv7();
  else
    create or replace function engine.uuidv7() returns uuid language sql volatile set search_path = ''
    as $f$
      select (overlay(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000000)::bigint * 512 / 125), 15, '0') placing '7' from 13 for 0)
        || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid
    $f$;
  end if;
end
$$;
comment on function engine.uuidv7() is 'A new time-ordered UUID (version 7).';
-- Column defaults of tenant tables call it with the rights of whoever inserts.
grant execute on function engine.uuidv7() to public;

-- The expression that tenant tables use as default of their key: the built-in function where there
-- is one, since it is four times as fast as a wrapper.
create or replace function engine.uuid_default() returns text language sql stable set search_path = ''
  return case when current_setting('server_version_num')::int >= 180000 then 'uuidv7()' else 'engine.uuidv7()' end;
--! EndIncluded engine/uuid.sql
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
--! Included core/impersonation.sql
-- Acting as a member, to see what the member sees and help. Only where the workspace allows it, for an hour at most, with a
-- reason, in sight of the member; by administrators of the instance, and by roles with the permission as members who may
-- not do more than they could let anybody do. All of it is asked again whenever the session is looked up.

create or replace function core.may_impersonate(impersonator_user_id uuid, member_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select from core.members t
    join core.users tu on tu.id = t.user_id and tu.disabled_at is null
    join core.workspace_settings s on s.workspace_id = t.workspace_id and s.allows_impersonation
    join core.users i on i.id = may_impersonate.impersonator_user_id and i.disabled_at is null
    where t.id = may_impersonate.member_id and t.is_active and t.user_id <> i.id
      and (i.is_instance_admin or not tu.is_instance_admin and exists (
        select from core.members m join metadata.roles r on r.id = m.role_id
        where m.user_id = i.id and m.workspace_id = t.workspace_id and m.is_active and engine.role_may(r.pg_role, 'IMPERSONATE')
          -- Who keeps the roles could give anybody anything.
          and (engine.role_may(r.pg_role, 'ROLES') or t.role_id in (select engine.role_closure(r.id))))))
$$;
comment on function core.may_impersonate(uuid, uuid) is 'Whether a user may act as a member, as things are now.';

-- From the session of who begins it, which is gone back to. The second factor that was proved there counts here.
create or replace function core.begin_impersonation(from_session_id uuid, member_id uuid, reason text, minutes int, token_hash bytea, ip inet default null, user_agent text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_from core.sessions;
  v_member core.members;
  v_until timestamptz := now() + make_interval(mins => minutes);
  v_name text;
  v_id uuid;
begin
  select * into v_from from core.sessions s where s.id = begin_impersonation.from_session_id and s.revoked_at is null and s.expires_at > now();
  select * into v_member from core.members m where m.id = begin_impersonation.member_id;
  if v_from.id is null or v_from.impersonator_user_id is not null then
    raise exception 'Nobody acts as somebody else on behalf of a third.' using errcode = 'RV155', hint = 'Return to yourself first.';
  end if;
  -- A session that the provider of a workspace began is for that workspace, whoever it says to be.
  if v_member.id is null or not core.may_impersonate(v_from.user_id, v_member.id)
    or v_from.provider_id is not null and v_from.workspace_id <> v_member.workspace_id then
    raise exception 'You cannot act as this member.' using errcode = 'RV155', column = 'member',
      hint = 'The workspace must allow it, your role needs the permission, and the member must not be able to do more than you.';
  end if;
  -- Somebody of another workspace proved no more than that one asks.
  if v_member.workspace_id <> v_from.workspace_id and v_from.mfa_at is null
    and (select s.is_mfa_enforced from core.workspace_settings s where s.workspace_id = v_member.workspace_id) then
    raise exception 'This workspace wants a second factor.' using errcode = 'RV155', column = 'member', hint = 'Sign in with your second factor, then try again.';
  end if;
  if length(btrim(coalesce(reason, ''))) not between 5 and 500 then
    raise exception 'Say why you act as somebody else.' using errcode = 'RV156', column = 'reason', hint = 'In 5 to 500 letters. The member is told.';
  end if;
  if minutes is null or minutes not between 1 and 60 then
    raise exception 'One acts as somebody else for 1 to 60 minutes.' using errcode = 'RV157', column = 'minutes';
  end if;
  insert into core.sessions (user_id, workspace_id, method, ip, user_agent, expires_at, mfa_at, impersonator_user_id, impersonation_reason, from_session_id)
  values (v_member.user_id, v_member.workspace_id, 'IMPERSONATION', begin_impersonation.ip, left(begin_impersonation.user_agent, 500), v_until, v_from.mfa_at,
    v_from.user_id, btrim(reason), v_from.id)
  returning id into v_id;
  insert into core.refresh_tokens (token_hash, session_id, expires_at) values (begin_impersonation.token_hash, v_id, v_until);
  select coalesce(nullif(u.name, ''), u.email) into v_name from core.users u where u.id = v_from.user_id;
  perform core.note_auth_event('IMPERSONATION_BEGUN', v_member.workspace_id, v_member.user_id, null, begin_impersonation.ip, begin_impersonation.user_agent,
    jsonb_build_object('impersonator', v_name, 'impersonatorUserId', v_from.user_id, 'reason', btrim(reason), 'until', v_until, 'sessionId', v_id));
  perform core.queue_mail(u.email, 'impersonated', jsonb_build_object('by', v_name, 'reason', btrim(reason), 'happenedAt', now(), 'until', v_until), v_member.workspace_id, u.locale)
  from core.users u where u.id = v_member.user_id and core.is_email(u.email);
  perform graphile_worker.add_job('impersonation__end', json_build_object('id', v_id), run_at => v_until, job_key => 'impersonation:' || v_id);
  return v_id;
end
$$;
comment on function core.begin_impersonation(uuid, uuid, text, int, bytea, inet, text) is
  'Begins a session of a member for somebody else, from the other''s own session. Refuses with RV155 to RV157. Tells the member by mail.';

-- However a session of this kind ends, that it did stands in the audit.
create or replace function core.tg_sessions__note_impersonation_end() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform core.note_auth_event('IMPERSONATION_ENDED', new.workspace_id, new.user_id, detail => jsonb_build_object('sessionId', new.id, 'reason', new.revoked_reason,
    'impersonatorUserId', new.impersonator_user_id, 'impersonator', (select coalesce(nullif(u.name, ''), u.email) from core.users u where u.id = new.impersonator_user_id)));
  -- Who signs out means to be signed out.
  if new.revoked_reason = 'SIGNED_OUT' then
    perform core.revoke_session(new.from_session_id, 'SIGNED_OUT');
  end if;
  return null;
end
$$;
create or replace trigger _400_note_impersonation_end after update of revoked_at on core.sessions for each row
  when (new.impersonator_user_id is not null and old.revoked_at is null and new.revoked_at is not null) execute function core.tg_sessions__note_impersonation_end();

create or replace function core.end_impersonation(session_id uuid) returns boolean
language sql volatile security definer set search_path = ''
as $$
  select core.revoke_session(s.id, 'EXPIRED') from core.sessions s
  where s.id = end_impersonation.session_id and s.impersonator_user_id is not null and s.expires_at <= now() + interval '1 second'
$$;
comment on function core.end_impersonation(uuid) is 'Ends a session of somebody who acts as a member, once its time is over. Run by a job.';

-- Back to who one is: by the token that the browser has, which may have run out a moment ago. The former session goes on with a
-- token of its own. No row when that one has ended.
create or replace function core.return_from_impersonation(token_hash bytea, next_hash bytea, next_expires_at timestamptz)
returns table (session_id uuid, user_id uuid, workspace_id uuid, token_expires_at timestamptz)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_session core.sessions;
begin
  update core.refresh_tokens t set used_at = now() from core.sessions s
  where t.token_hash = return_from_impersonation.token_hash and t.used_at is null and s.id = t.session_id and s.impersonator_user_id is not null
    and s.expires_at > now() - interval '1 day'
  returning s.* into v_session;
  if not found then
    return;
  end if;
  perform core.revoke_session(v_session.id, 'RETURNED');
  if not exists (select from core.resolve_session(v_session.from_session_id)) then
    return;
  end if;
  return query
  with token as (
    insert into core.refresh_tokens (token_hash, session_id, expires_at)
    select return_from_impersonation.next_hash, s.id, least(return_from_impersonation.next_expires_at, s.expires_at) from core.sessions s where s.id = v_session.from_session_id
    returning session_id, expires_at
  )
  select s.id, s.user_id, s.workspace_id, t.expires_at from token t join core.sessions s on s.id = t.session_id;
end
$$;

-- What the banner says.
create or replace function core.impersonation_of(session_id uuid) returns table (reason text, until timestamptz)
language sql stable security definer set search_path = ''
as $$ select s.impersonation_reason, s.expires_at from core.sessions s where s.id = impersonation_of.session_id and s.impersonator_user_id is not null $$;

grant execute on function core.begin_impersonation(uuid, uuid, text, int, bytea, inet, text), core.return_from_impersonation(bytea, bytea, timestamptz),
  core.impersonation_of(uuid) to relvar_server;
grant execute on function core.end_impersonation(uuid) to relvar_worker;

create or replace function metadata.impersonation() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('isAllowed', s.allows_impersonation, 'mayAct', s.allows_impersonation and nullif(current_setting('relvar.impersonator_id', true), '') is null
    and (engine.may('IMPERSONATE') or exists (select from core.members m join core.users u on u.id = m.user_id where m.id = engine.current_member() and u.is_instance_admin)))
  from core.workspace_settings s where s.workspace_id = engine.own_workspace()
$$;
comment on function metadata.impersonation() is 'Whether the workspace allows that somebody acts as its members, and whether the caller may: {isAllowed, mayAct}.';

create or replace function metadata.set_impersonation_allowed(is_allowed boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'SECURITY');
  -- Who acts as somebody does not open the door for others.
  if nullif(current_setting('relvar.impersonator_id', true), '') is not null then
    raise exception 'Only members themselves decide this.' using errcode = '42501', hint = 'Return to yourself first.';
  end if;
  update core.workspace_settings s set allows_impersonation = coalesce(set_impersonation_allowed.is_allowed, false) where s.workspace_id = v_workspace;
  if not coalesce(is_allowed, false) then
    perform core.revoke_session(s.id, 'FORBIDDEN') from core.sessions s
    where s.workspace_id = v_workspace and s.impersonator_user_id is not null and s.revoked_at is null;
  end if;
  perform core.note_auth_event('SECURITY_CHANGED', v_workspace, (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => jsonb_build_object('allowsImpersonation', coalesce(is_allowed, false), 'by', engine.actor_name()));
  return coalesce(is_allowed, false);
end
$$;
comment on function metadata.set_impersonation_allowed(boolean) is 'Whether administrators, and roles with the permission, may act as members. What is open when it is forbidden ends.';

revoke execute on function metadata.impersonation(), metadata.set_impersonation_allowed(boolean) from public;
grant execute on function metadata.impersonation(), metadata.set_impersonation_allowed(boolean) to relvar_crm;

-- Administrators of the instance, for "relvar admin" and for administrators in psql.
create or replace function core.set_instance_admin(email text, is_admin boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_user core.users;
begin
  update core.users u set is_instance_admin = is_admin where lower(u.email) = lower(btrim(set_instance_admin.email)) returning u.* into v_user;
  if not found then
    return false;
  end if;
  perform core.revoke_session(s.id, 'FORBIDDEN')
  from core.sessions s join core.members m on m.user_id = s.user_id and m.workspace_id = s.workspace_id
  where s.impersonator_user_id = v_user.id and s.revoked_at is null and not core.may_impersonate(v_user.id, m.id);
  perform core.note_auth_event(case when is_admin then 'INSTANCE_ADMIN_GRANTED' else 'INSTANCE_ADMIN_REVOKED' end, null, v_user.id,
    detail => jsonb_build_object('by', engine.actor_name()));
  return true;
end
$$;
comment on function core.set_instance_admin(text, boolean) is 'Makes a user an administrator of the instance, or no longer one. False when nobody has the address.';
--! EndIncluded core/impersonation.sql
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
--! Included core/identities.sql
-- Who comes in by an identity provider. A provider belongs to a workspace and is believed by that workspace alone: a session
-- that it begins is for the workspace and reaches nothing of the account besides. So a workspace whose provider
-- lies can pass somebody off as its own member, and as nobody anywhere else.

-- The proved domains for which a provider may make members.
create or replace function core.domains_of_provider(provider core.identity_providers) returns text[]
language sql stable set search_path = ''
as $$
  select array(select d.domain from core.approved_domains d
    where d.workspace_id = (provider).workspace_id and d.approved_at is not null
      and ((provider).email_domains = '{}' or d.domain = any ((provider).email_domains)))
$$;

-- The values of a claim: of that name, or reached by a path such as realm_access.roles.
create or replace function core.claim_values(claims jsonb, name text) returns text[]
language sql immutable parallel safe set search_path = ''
as $$
  select array(
    select v from (select coalesce(claims -> name, claims #> string_to_array(name, '.')) as claim) c
    cross join lateral jsonb_array_elements_text(case when jsonb_typeof(c.claim) = 'array' then c.claim else jsonb_build_array(c.claim) end) v
    where v is not null)
$$;

-- The first line of the mapping that is true of the claims; null when none is.
create or replace function core.mapped_role(provider core.identity_providers, claims jsonb) returns uuid
language sql stable set search_path = ''
as $$
  select r.role_id from core.provider_roles r
  where r.provider_id = (provider).id and r.value = any (core.claim_values(claims, (provider).role_claim))
  order by r.position, r.value limit 1
$$;

-- Finds or makes the account and the membership that a statement of the provider opens, or refuses.
create or replace function core.admit(provider core.identity_providers, subject text, email text, is_email_verified boolean, name text, claims jsonb) returns uuid
language plpgsql volatile set search_path = ''
as $$
declare
  v_email text := case when core.is_email(lower(btrim(admit.email))) and is_email_verified then lower(btrim(admit.email)) end;
  -- The workspace has proved that the domain is its own.
  v_speaks boolean := coalesce(core.domain_of(v_email) = any (core.domains_of_provider(provider)), false);
  v_role uuid := core.mapped_role(provider, admit.claims);
  v_identity core.identities;
  v_user core.users;
  v_member core.members;
  v_invitation core.invitations;
  v_is_new boolean;
begin
  if not (provider).is_enabled then
    raise exception 'This way of single sign-on is switched off.' using errcode = 'RV132', hint = 'Choose another way on the sign-in page.';
  end if;
  -- Two tabs of one newcomer make one member.
  perform pg_advisory_xact_lock(hashtextextended('relvar.sso.' || (provider).id || coalesce(v_email, admit.subject), 0));
  select i.* into v_identity from core.identities i where i.provider_id = (provider).id and i.subject = admit.subject;
  v_is_new := v_identity.subject is null;
  if v_is_new and v_email is null then
    raise exception 'The provider does not vouch for an e-mail address of yours.' using errcode = 'RV135',
      detail = case when core.is_email(btrim(admit.email)) then 'UNVERIFIED' else 'MISSING' end,
      hint = 'Ask an administrator of the workspace: the provider must send a verified address.';
  end if;
  if v_is_new then
    select u.* into v_user from core.users u where lower(u.email) = v_email;
  else
    select u.* into v_user from core.users u where u.id = v_identity.user_id;
  end if;
  if v_user.disabled_at is not null then
    raise exception 'This account has been disabled.' using errcode = 'RV111', hint = 'Ask the administrator of this server.';
  end if;
  select m.* into v_member from core.members m where m.workspace_id = (provider).workspace_id and m.user_id = v_user.id;
  if not v_member.is_active then
    raise exception 'Your membership of this workspace has been suspended.' using errcode = 'RV111', hint = 'Ask an administrator of the workspace.';
  end if;
  select i.* into v_invitation from core.invitations i
  where i.workspace_id = (provider).workspace_id and lower(i.email) = v_email and i.accepted_at is null and i.revoked_at is null and i.expires_at > now();

  if v_member.id is null then
    if v_invitation.id is null and not ((provider).makes_members and v_speaks) then
      raise exception 'You are not a member of this workspace.' using errcode = 'RV134',
        detail = case when (provider).makes_members then 'DOMAIN_NOT_APPROVED' else 'NOT_INVITED' end, hint = 'Ask an administrator of the workspace for an invitation.';
    end if;
    -- The account is not the workspace's to take along: its owner agrees by the link that was sent to the mailbox.
    if v_is_new and not v_speaks
      and (v_user.password_hash is not null or exists (select from core.members m where m.user_id = v_user.id)) then
      raise exception 'This address has an account already.' using errcode = 'RV138', hint = 'Accept the invitation by the link in the mail first. After that you can sign in this way.';
    end if;
  end if;
  if v_is_new and (v_user.is_instance_admin or (select engine.role_may(r.pg_role, 'ROLES') from metadata.roles r where r.id = v_member.role_id)) then
    -- Who keeps the providers must not become who keeps the roles, or the instance, by having an address vouched for.
    raise exception 'Administrators connect single sign-on by themselves.' using errcode = 'RV137', hint = 'Sign in another way once, and connect the provider under Security, Your sign-in.';
  end if;
  if v_is_new and exists (select from core.identities i where i.provider_id = (provider).id and i.user_id = v_user.id) then
    -- An address that was given to somebody else opens nothing of who had it before.
    raise exception 'Another person of the provider is connected with this account.' using errcode = 'RV136', hint = 'Ask an administrator of the workspace to disconnect it first.';
  end if;

  if v_user.id is null then
    insert into core.users (email, name) values (v_email, coalesce(nullif(left(btrim(admit.name), 200), ''), split_part(v_email, '@', 1))) returning * into v_user;
  elsif v_is_new then
    perform core.tell_identity_connected(v_user, provider);
  end if;
  if v_is_new then
    insert into core.identities (provider_id, subject, user_id, email) values ((provider).id, admit.subject, v_user.id, v_email);
    perform core.note_auth_event('IDENTITY_CONNECTED', (provider).workspace_id, v_user.id, null, null, null,
      jsonb_build_object('provider', (provider).label, 'subject', left(admit.subject, 200), 'by', 'EMAIL'));
  else
    update core.identities i set last_used_at = now(), email = coalesce(v_email, i.email) where i.provider_id = (provider).id and i.subject = admit.subject;
  end if;
  if v_member.id is null then
    perform core.join_workspace((provider).workspace_id, v_user.id,
      coalesce(v_role, v_invitation.role_id, (provider).default_role_id, core.default_role((provider).workspace_id)),
      coalesce(nullif(left(btrim(admit.name), 200), ''), nullif(v_user.name, ''), split_part(v_user.email, '@', 1)));
    update core.invitations i set accepted_at = now() where i.id = v_invitation.id;
    perform core.note_auth_event('MEMBER_JOINED', (provider).workspace_id, v_user.id, null, null, null, jsonb_build_object('by', 'SSO', 'provider', (provider).label));
  elsif (provider).sets_role_anew then
    perform core.set_role_anew(v_member, coalesce(v_role, (provider).default_role_id, core.default_role((provider).workspace_id)), (provider).label);
  end if;
  return v_user.id;
end
$$;

-- The last administrator stays one, whatever a claim says.
create or replace function core.set_role_anew(member core.members, role_id uuid, provider_label text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if set_role_anew.role_id = (member).role_id
    or exists (select from metadata.roles r where r.id = (member).role_id and r.is_system and r.has_all_permissions)
      and not exists (select from core.members m where m.workspace_id = (member).workspace_id and m.role_id = (member).role_id and m.is_active and m.id <> (member).id) then
    return;
  end if;
  update core.members m set role_id = set_role_anew.role_id where m.id = (member).id;
  perform core.note_auth_event('MEMBER_ROLE_CHANGED', (member).workspace_id, (member).user_id, null, null, null,
    jsonb_build_object('memberId', (member).id, 'from', (member).role_id, 'to', set_role_anew.role_id, 'by', provider_label));
end
$$;

create or replace function core.tell_identity_connected(account core.users, provider core.identity_providers) returns void
language sql volatile set search_path = ''
as $$
  select core.queue_mail((account).email, 'identity_connected', jsonb_build_object('provider', (provider).label, 'happenedAt', now()), (provider).workspace_id, (account).locale)
  where core.is_email((account).email)
$$;

create or replace function core.provider_row(provider_id uuid) returns core.identity_providers
language plpgsql stable set search_path = ''
as $$
declare
  v_provider core.identity_providers;
begin
  select * into v_provider from core.identity_providers p where p.id = provider_row.provider_id;
  if not found then
    raise exception 'This way of single sign-on is switched off.' using errcode = 'RV132', hint = 'Choose another way on the sign-in page.';
  end if;
  return v_provider;
end
$$;

create or replace function core.enter_with_provider(provider_id uuid, subject text, email text, is_email_verified boolean, name text, claims jsonb,
  ip inet default null, user_agent text default null)
returns table (user_id uuid, workspace_id uuid, refusal jsonb)
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers;
  v_code text;
  v_message text;
  v_hint text;
  v_detail text;
begin
  begin
    v_provider := core.provider_row(enter_with_provider.provider_id);
    user_id := core.admit(v_provider, enter_with_provider.subject, enter_with_provider.email, enter_with_provider.is_email_verified, enter_with_provider.name,
      coalesce(enter_with_provider.claims, '{}'));
    update core.identity_providers p set tested_at = coalesce(p.tested_at, now()), last_used_at = now() where p.id = v_provider.id;
  exception when others then
    get stacked diagnostics v_code = returned_sqlstate, v_message = message_text, v_hint = pg_exception_hint, v_detail = pg_exception_detail;
    if v_code !~ '^RV' then
      raise;
    end if;
    -- What was begun is undone; that it was refused is kept.
    user_id := null;
    refusal := jsonb_build_object('code', v_code, 'message', v_message, 'hint', nullif(v_hint, ''));
    perform core.note_auth_event('SSO_REFUSED', v_provider.workspace_id,
      (select i.user_id from core.identities i where i.provider_id = v_provider.id and i.subject = enter_with_provider.subject),
      lower(left(enter_with_provider.email, 254)), enter_with_provider.ip, enter_with_provider.user_agent,
      jsonb_strip_nulls(jsonb_build_object('reason', v_code, 'detail', nullif(v_detail, ''), 'provider', v_provider.label, 'subject', left(enter_with_provider.subject, 200))));
  end;
  workspace_id := v_provider.workspace_id;
  return next;
end
$$;
comment on function core.enter_with_provider(uuid, text, text, boolean, text, jsonb, inet, text) is
  'Finds or makes the account and the membership of somebody whom an identity provider has named, by its subject, or where that is safe by the e-mail address. One row: who it is, or in refusal {code, message, hint} why nobody enters, which is then in the audit as SSO_REFUSED. What the provider has signed must have been checked before.';

create or replace function core.connect_identity(user_id uuid, provider_id uuid, subject text, email text, ip inet default null, user_agent text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers := core.provider_row(connect_identity.provider_id);
  v_user core.users;
begin
  select u.* into v_user from core.users u join core.members m on m.user_id = u.id
  where u.id = connect_identity.user_id and m.workspace_id = v_provider.workspace_id and m.is_active and u.disabled_at is null;
  if not found or exists (select from core.identities i where i.provider_id = v_provider.id and i.subject = connect_identity.subject and i.user_id <> v_user.id) then
    perform core.note_auth_event('SSO_REFUSED', v_provider.workspace_id, connect_identity.user_id, null, ip, user_agent,
      jsonb_build_object('reason', 'RV136', 'provider', v_provider.label, 'subject', left(connect_identity.subject, 200)));
    return jsonb_build_object('code', 'RV136', 'message', 'Another person of the provider is connected with this account.',
      'hint', 'Ask an administrator of the workspace to disconnect it first.');
  end if;
  delete from core.identities i where i.provider_id = v_provider.id and i.user_id = v_user.id;
  insert into core.identities (provider_id, subject, user_id, email) values (v_provider.id, connect_identity.subject, v_user.id, lower(connect_identity.email));
  update core.identity_providers p set tested_at = coalesce(p.tested_at, now()) where p.id = v_provider.id;
  perform core.note_auth_event('IDENTITY_CONNECTED', v_provider.workspace_id, v_user.id, null, ip, user_agent,
    jsonb_build_object('provider', v_provider.label, 'subject', left(connect_identity.subject, 200), 'by', 'MEMBER'));
  perform core.tell_identity_connected(v_user, v_provider);
  return null;
end
$$;
comment on function core.connect_identity(uuid, uuid, text, text, inet, text) is
  'Connects a member, who is signed in, with a person of a provider of the workspace, in place of one from before. Returns why not, or null.';

-- What the server needs to talk to a provider.
create or replace function core.provider_to_use(provider_id uuid)
returns table (id uuid, workspace_id uuid, workspace_slug text, kind text, label text, slug text, settings jsonb, secret text, is_enabled boolean, role_claim text, trusts_second_factor boolean)
language sql stable security definer set search_path = ''
as $$
  select p.id, p.workspace_id, w.slug, p.kind, p.label, p.slug, p.settings, p.secret, p.is_enabled, p.role_claim, p.trusts_second_factor
  from core.identity_providers p join core.workspaces w on w.id = p.workspace_id where p.id = provider_to_use.provider_id
$$;

create or replace function core.provider_by_slug(workspace_slug text, slug text) returns uuid
language sql stable security definer set search_path = ''
as $$
  select p.id from core.identity_providers p join core.workspaces w on w.id = p.workspace_id
  where w.slug = provider_by_slug.workspace_slug and p.slug = provider_by_slug.slug
$$;

create or replace function core.note_provider_test(provider_id uuid, result jsonb, has_worked boolean) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.identity_providers p set last_test = note_provider_test.result, tested_at = case when has_worked then now() else p.tested_at end
  where p.id = note_provider_test.provider_id
$$;

-- An account that nobody has but the workspace that made it may be given a second factor by it.
create or replace function core.is_account_of(user_id uuid, workspace_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select u.password_hash is null and u.email_verified_at is null
    and not exists (select from core.members m where m.user_id = u.id and m.workspace_id <> is_account_of.workspace_id)
  from core.users u where u.id = is_account_of.user_id
$$;
comment on function core.is_account_of(uuid, uuid) is 'Whether an account was made by single sign-on of the workspace, and nobody has proved the mailbox or joined another workspace since.';

-- The first to prove the mailbox of an account without a password is its owner. What a provider has put there before is not theirs.
create or replace function core.tg_users__claim() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from core.passkeys p where p.user_id = new.id;
  perform core.end_second_factor(new.id);
  delete from core.identities i where i.user_id = new.id;
  perform core.revoke_session(s.id, 'CLAIMED') from core.sessions s where s.user_id = new.id and s.revoked_at is null;
  return null;
end
$$;
drop trigger if exists _450_claim on core.users;
create trigger _450_claim after update of email_verified_at on core.users for each row
  when (old.email_verified_at is null and new.email_verified_at is not null and old.password_hash is null) execute function core.tg_users__claim();

grant execute on function core.enter_with_provider(uuid, text, text, boolean, text, jsonb, inet, text), core.connect_identity(uuid, uuid, text, text, inet, text),
  core.provider_to_use(uuid), core.provider_by_slug(text, text), core.note_provider_test(uuid, jsonb, boolean), core.is_account_of(uuid, uuid) to relvar_server;
--! EndIncluded core/identities.sql
--! Included core/sign_in_rules.sql
-- What a workspace lets its members sign in with. Asked where a session begins and each time that one is renewed, so
-- no way of signing in can go past it.

-- Why a member may not have a session of a kind: null, or a word of core.assert_method. Of the methods, those of identity
-- providers are good for the provider's own workspace, and only while it is switched on.
create or replace function core.method_refusal(workspace_id uuid, user_id uuid, method text, provider_id uuid) returns text
language sql stable set search_path = ''
as $$
  select case
    when method_refusal.provider_id is not null or method_refusal.method in ('GOOGLE', 'MICROSOFT', 'OIDC', 'SAML') then
      case when not exists (select from core.identity_providers p where p.id = method_refusal.provider_id and p.workspace_id = m.workspace_id
        and p.kind = method_refusal.method and p.is_enabled) then 'PROVIDER_OFF' end
    when method_refusal.method = 'MAGIC_LINK' and not coalesce(j.is_magic_link_on, true) then 'METHOD_OFF'
    when engine.role_may(r.pg_role, 'SSO_BYPASS') then null
    when s.is_sso_enforced then 'SSO_ENFORCED'
    when method_refusal.method in ('PASSWORD', 'SIGN_UP') and not coalesce(s.is_password_on, true) then 'METHOD_OFF'
  end
  from core.members m
  join metadata.roles r on r.id = m.role_id
  left join core.workspace_settings s on s.workspace_id = m.workspace_id
  left join core.joining j on j.workspace_id = m.workspace_id
  where m.workspace_id = method_refusal.workspace_id and m.user_id = method_refusal.user_id
$$;

create or replace function core.assert_method(workspace_id uuid, user_id uuid, method text, provider_id uuid default null) returns void
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_refusal text := core.method_refusal(workspace_id, user_id, method, provider_id);
begin
  if v_refusal = 'SSO_ENFORCED' then
    raise exception 'This workspace wants single sign-on.' using errcode = 'RV130', hint = 'Sign in through the provider of your organization.';
  elsif v_refusal = 'METHOD_OFF' then
    raise exception 'This workspace does not let its members sign in this way.' using errcode = 'RV131', hint = 'Choose another way on the sign-in page.';
  elsif v_refusal = 'PROVIDER_OFF' then
    raise exception 'This way of single sign-on is switched off.' using errcode = 'RV132', hint = 'Choose another way on the sign-in page.';
  end if;
end
$$;
comment on function core.assert_method(uuid, uuid, text, uuid) is 'Refuses a way of signing in that the workspace does not allow the member.';

-- A stricter rule holds at once, not when the sessions of before have run out.
create or replace function core.end_forbidden_sessions(workspace_id uuid) returns int
language sql volatile set search_path = ''
as $$
  select count(*) filter (where core.revoke_session(s.id, 'METHOD_OFF'))::int from core.sessions s
  where s.workspace_id = end_forbidden_sessions.workspace_id and s.revoked_at is null and s.impersonator_user_id is null
    and core.method_refusal(s.workspace_id, s.user_id, s.method, s.provider_id) is not null
$$;

-- Somebody must be able to sign in: where neither passwords nor links are left, a provider that has been seen to work.
create or replace function core.assert_way_in(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if exists (select from core.workspace_settings s left join core.joining j on j.workspace_id = s.workspace_id
      where s.workspace_id = assert_way_in.workspace_id and (s.is_sso_enforced or not s.is_password_on and not coalesce(j.is_magic_link_on, true)))
    and not exists (select from core.identity_providers p where p.workspace_id = assert_way_in.workspace_id and p.is_enabled and p.tested_at is not null) then
    raise exception 'Members could not sign in any more.' using errcode = 'RV139', hint = 'First switch a provider on and sign in by it once, or test it.';
  end if;
end
$$;

-- For the page that asks who comes. A workspace that is unknown looks like one that has no providers.
create or replace function core.sign_in_ways(workspace_slug text default null) returns jsonb
language sql stable security definer set search_path = ''
as $$
  with found as (
    select w.* from core.workspaces w
    -- An instance of one workspace need not ask which.
    where w.slug = workspace_slug or workspace_slug is null and not exists (select from core.workspaces o where o.id <> w.id)
  ), provider as (
    select p.* from core.identity_providers p join found w on w.id = p.workspace_id where p.is_enabled
  )
  select jsonb_build_object(
    'workspace', (select jsonb_build_object('slug', w.slug, 'name', w.name) from found w where exists (select from provider)),
    'isPasswordOn', coalesce((select s.is_password_on from core.workspace_settings s join found w on w.id = s.workspace_id), true),
    'isMagicLinkOn', coalesce((select j.is_magic_link_on from core.joining j join found w on w.id = j.workspace_id), true),
    'isSsoEnforced', coalesce((select s.is_sso_enforced from core.workspace_settings s join found w on w.id = s.workspace_id), false),
    'providers', coalesce((select jsonb_agg(jsonb_build_object('id', p.id, 'kind', p.kind, 'label', p.label) order by p.created_at, p.id) from provider p), '[]'))
$$;
comment on function core.sign_in_ways(text) is 'How members of a workspace sign in: {workspace, isPasswordOn, isMagicLinkOn, isSsoEnforced, providers: [{id, kind, label}]}.';

-- By the domain of an address, which belongs to whoever has proved it; who has an account is not asked.
create or replace function core.find_providers(email text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'kind', p.kind, 'label', p.label, 'workspace', jsonb_build_object('slug', w.slug, 'name', w.name))
    order by w.name, p.created_at, p.id), '[]')
  from core.identity_providers p join core.workspaces w on w.id = p.workspace_id
  where p.is_enabled and core.domain_of(find_providers.email) = any (core.domains_of_provider(p))
$$;
comment on function core.find_providers(text) is 'The providers of workspaces that have proved the domain of an address: [{id, kind, label, workspace}].';

grant execute on function core.assert_method(uuid, uuid, text, uuid), core.sign_in_ways(text), core.find_providers(text) to relvar_server;
--! EndIncluded core/sign_in_rules.sql
--! Included core/sessions.sql
-- Sessions. Their access tokens are signed and short-lived, and believed only while the session is alive; their refresh
-- tokens are used once, and one that comes again ends the session, since one of the two who had it has stolen it.

-- provider_id: the identity provider that has named the user. from_session_id: with the method SWITCH, the session that is
-- left; what proved that one proves the next, as far as the other workspace allows it. One that an identity
-- provider began is for the provider's workspace alone.
create or replace function core.create_session(
  user_id uuid, workspace_id uuid, method text, token_hash bytea, token_expires_at timestamptz, expires_at timestamptz,
  ip inet default null, user_agent text default null, mfa_at timestamptz default null,
  provider_id uuid default null, from_session_id uuid default null
) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_method text := create_session.method;
  v_signed_in_at timestamptz := now();
  v_id uuid;
begin
  if v_method = 'SWITCH' then
    -- With an invitation or a sign-up comes a password.
    select case when s.method in ('INVITATION', 'SIGN_UP') then 'PASSWORD' else s.method end, s.signed_in_at into v_method, v_signed_in_at from core.sessions s
    where s.id = create_session.from_session_id and s.user_id = create_session.user_id and s.revoked_at is null and s.provider_id is null;
    if not found then
      raise exception 'A sign-in by the provider of one workspace does not open another.' using errcode = 'RV131', hint = 'Sign in to the other workspace.';
    end if;
  end if;
  perform core.assert_method(workspace_id, user_id, v_method, provider_id);
  -- No membership, no session.
  insert into core.sessions (user_id, workspace_id, method, ip, user_agent, expires_at, mfa_at, provider_id, signed_in_at)
  select m.user_id, m.workspace_id, v_method, create_session.ip, left(create_session.user_agent, 500),
    create_session.expires_at, create_session.mfa_at, create_session.provider_id, v_signed_in_at
  from core.members m join core.users u on u.id = m.user_id
  where m.user_id = create_session.user_id and m.workspace_id = create_session.workspace_id and m.is_active and u.disabled_at is null
  returning id into v_id;
  if v_id is not null then
    insert into core.refresh_tokens (token_hash, session_id, expires_at)
    values (create_session.token_hash, v_id, least(create_session.token_expires_at, create_session.expires_at));
  end if;
  return v_id;
end
$$;

-- A session that an identity provider began changes nothing of the account, which may belong to other workspaces, too.
create or replace function core.is_provider_session(session_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from core.sessions s where s.id = is_provider_session.session_id and s.provider_id is not null) $$;
comment on function core.is_provider_session(uuid) is 'Whether an identity provider of the workspace began the session.';

-- What a workspace remembers of its members' sessions: who it is now, with the role that the member has now.
create or replace function core.resolve_session(session_id uuid) returns setof core.identity
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, m.id, u.id, null::uuid, u.email, m.name, w.model_version, w.shape,
    s.id, null::int, i.id, coalesce(nullif(i.name, ''), i.email)
  from core.sessions s
  join core.users u on u.id = s.user_id and u.disabled_at is null
  join core.members m on m.user_id = s.user_id and m.workspace_id = s.workspace_id and m.is_active
  join metadata.roles r on r.id = m.role_id
  join core.workspaces w on w.id = s.workspace_id
  left join core.users i on i.id = s.impersonator_user_id
  where s.id = resolve_session.session_id and s.revoked_at is null and s.expires_at > now()
    and case when s.impersonator_user_id is null then true
      else core.may_impersonate(i.id, m.id) and exists (select from core.sessions f where f.id = s.from_session_id and f.revoked_at is null and f.expires_at > now()) end
$$;

-- One row for a token that was ever issued. Two tabs of one browser may refresh at the same moment, and an answer may be
-- lost on its way, so a token may come again for a minute; after that it is theft.
create or replace function core.rotate_refresh_token(token_hash bytea, next_hash bytea, next_expires_at timestamptz, ip inet, user_agent text)
returns table (outcome text, session_id uuid, user_id uuid, workspace_id uuid, token_expires_at timestamptz)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_token core.refresh_tokens;
  v_session core.sessions;
begin
  select * into v_token from core.refresh_tokens t where t.token_hash = rotate_refresh_token.token_hash for update;
  if not found then
    return;
  end if;
  select * into v_session from core.sessions s where s.id = v_token.session_id for update;
  if v_token.used_at < now() - interval '60 seconds' and v_session.revoked_at is null then
    perform core.revoke_session(v_session.id, 'REFRESH_REUSED');
    perform core.queue_mail(u.email, 'sessions_revoked', jsonb_build_object(
      'device', left(coalesce(v_session.user_agent, ''), 200), 'ipAddress', host(rotate_refresh_token.ip), 'happenedAt', now()), v_session.workspace_id)
    from core.users u where u.id = v_session.user_id and core.is_email(u.email);
    return query select 'REUSED', v_session.id, v_session.user_id, v_session.workspace_id, null::timestamptz;
    return;
  end if;
  if v_session.revoked_at is not null or v_session.expires_at <= now() or v_token.expires_at <= now()
    or v_token.used_at < now() - interval '60 seconds'
    or not exists (select from core.resolve_session(v_session.id))
    -- What the workspace allows, or the role of the member, has changed meanwhile.
    or v_session.impersonator_user_id is null
      and core.method_refusal(v_session.workspace_id, v_session.user_id, v_session.method, v_session.provider_id) is not null then
    return query select 'ENDED', v_session.id, v_session.user_id, v_session.workspace_id, null::timestamptz;
    return;
  end if;
  update core.refresh_tokens t set used_at = coalesce(t.used_at, now()) where t.token_hash = v_token.token_hash;
  insert into core.refresh_tokens (token_hash, session_id, expires_at)
  values (rotate_refresh_token.next_hash, v_session.id, least(rotate_refresh_token.next_expires_at, v_session.expires_at));
  update core.sessions s set last_used_at = now(), ip = coalesce(rotate_refresh_token.ip, s.ip),
    user_agent = coalesce(left(rotate_refresh_token.user_agent, 500), s.user_agent)
  where s.id = v_session.id;
  return query select 'ROTATED', v_session.id, v_session.user_id, v_session.workspace_id, least(rotate_refresh_token.next_expires_at, v_session.expires_at);
end
$$;

-- Every server remembers who is signed in for some seconds, so each is told.
create or replace function core.revoke_session(session_id uuid, reason text) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update core.sessions s set revoked_at = now(), revoked_reason = revoke_session.reason
  where s.id = revoke_session.session_id and s.revoked_at is null;
  if not found then
    return false;
  end if;
  perform pg_notify('relvar_identity', json_build_object('session', session_id)::text);
  return true;
end
$$;
comment on function core.revoke_session(uuid, text) is 'Ends a session on all servers, within a moment. False when it had ended already.';

-- What a session sees and ends of the others: one that an identity provider began, those in its own workspace.
create or replace function core.is_in_reach(s core.sessions, own_session_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select not exists (select from core.sessions o where o.id = own_session_id and o.provider_id is not null and o.workspace_id <> (s).workspace_id)
$$;

create or replace function core.revoke_sessions(user_id uuid, reason text, except_session_id uuid default null) returns int
language sql volatile security definer set search_path = ''
as $$
  select count(*) filter (where core.revoke_session(s.id, revoke_sessions.reason))::int from core.sessions s
  where s.user_id = revoke_sessions.user_id and s.revoked_at is null and s.id is distinct from revoke_sessions.except_session_id
    and core.is_in_reach(s, revoke_sessions.except_session_id)
$$;
comment on function core.revoke_sessions(uuid, text, uuid) is
  'Ends all sessions of a user in all workspaces, or all but one; where that was begun by an identity provider, those in its workspace.';

create or replace function core.list_sessions(user_id uuid, own_session_id uuid)
returns table (id uuid, workspace_name text, method text, user_agent text, ip text, created_at timestamptz, last_used_at timestamptz, mfa_at timestamptz, impersonator text)
language sql stable security definer set search_path = ''
as $$
  select s.id, w.name, s.method, s.user_agent, host(s.ip), s.created_at, s.last_used_at, s.mfa_at, coalesce(nullif(i.name, ''), i.email)
  from core.sessions s
  join core.workspaces w on w.id = s.workspace_id
  left join core.users i on i.id = s.impersonator_user_id
  where s.user_id = list_sessions.user_id and s.revoked_at is null and s.expires_at > now()
    -- A session whose last refresh token has run out is over, whatever it was good for.
    and exists (select from core.refresh_tokens t where t.session_id = s.id and t.expires_at > now() and t.used_at is null)
    and core.is_in_reach(s, list_sessions.own_session_id)
  order by s.last_used_at desc
$$;

create or replace function core.revoke_own_session(user_id uuid, session_id uuid) returns boolean
language sql volatile security definer set search_path = ''
as $$
  select core.revoke_session(s.id, 'SIGNED_OUT') from core.sessions s
  where s.id = revoke_own_session.session_id and s.user_id = revoke_own_session.user_id
$$;
comment on function core.revoke_own_session(uuid, uuid) is 'Ends a session of the user, and nobody else''s. Null when it is not theirs.';

create or replace function core.end_session_of_token(token_hash bytea) returns boolean
language sql volatile security definer set search_path = ''
as $$
  select core.revoke_session(t.session_id, 'SIGNED_OUT') from core.refresh_tokens t where t.token_hash = end_session_of_token.token_hash
$$;

-- Refresh tokens that were used long ago are kept as long as their family, so that theft is noticed to the end.
create or replace function core.forget_sessions() returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.sessions s where s.expires_at < now() - interval '30 days' or s.revoked_at < now() - interval '30 days' $$;

-- What ends membership ends what was remembered of it.
create or replace function core.tg_members__forget_identities() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_identity', json_build_object('workspace', coalesce(new.workspace_id, old.workspace_id))::text);
  return null;
end
$$;
drop trigger if exists _500_forget_identities on core.members;
create trigger _500_forget_identities after update of role_id, is_active, name or delete on core.members
  for each row execute function core.tg_members__forget_identities();

create or replace function core.tg_users__forget_identities() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_identity', json_build_object('user', new.id)::text);
  return null;
end
$$;
drop trigger if exists _500_forget_identities on core.users;
create trigger _500_forget_identities after update of email, disabled_at on core.users
  for each row execute function core.tg_users__forget_identities();

-- A new password, however it came about, ends what was open with the old one; who changes it keeps the present session.
create or replace function core.set_password(user_id uuid, password_hash text, except_session_id uuid default null) returns int
language sql volatile security definer set search_path = ''
as $$
  update core.users u set password_hash = set_password.password_hash, password_changed_at = now() where u.id = set_password.user_id;
  select core.revoke_sessions(set_password.user_id, 'PASSWORD_CHANGED', set_password.except_session_id);
$$;
comment on function core.set_password(uuid, text, uuid) is 'Sets the password of a user and ends their other sessions; returns how many.';

create or replace function core.change_password(user_id uuid, password_hash text, session_id uuid, ip inet default null, user_agent text default null) returns int
language sql volatile security definer set search_path = ''
as $$
  select core.queue_mail(u.email, 'password_changed',
    jsonb_build_object('device', left(coalesce(change_password.user_agent, ''), 200), 'ipAddress', host(change_password.ip), 'happenedAt', now()))
  from core.users u where u.id = change_password.user_id and core.is_email(u.email);
  select core.set_password(change_password.user_id, change_password.password_hash, change_password.session_id);
$$;
comment on function core.change_password(uuid, text, uuid, inet, text) is 'As core.set_password, by the user; the present session goes on, and a mail tells of it.';

create or replace function core.workspaces_of(user_id uuid) returns table (id uuid, slug text, name text)
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name from core.members m join core.workspaces w on w.id = m.workspace_id
  where m.user_id = workspaces_of.user_id and m.is_active order by w.name, w.id
$$;

create or replace function core.session_mfa_at(session_id uuid) returns timestamptz
language sql stable security definer set search_path = ''
as $$ select s.mfa_at from core.sessions s where s.id = session_mfa_at.session_id $$;
comment on function core.session_mfa_at(uuid) is 'When a second factor was last proved in a session, or the one that it was switched from; null for never.';

-- Changing a workspace begins another session, but nobody proves anything by it.
create or replace function core.proof_of(session_id uuid) returns table (password_hash text, is_fresh boolean)
language sql stable security definer set search_path = ''
as $$
  select u.password_hash, coalesce(s.mfa_at > now() - interval '10 minutes', false)
    or u.password_hash is null and s.signed_in_at > now() - interval '10 minutes'
  from core.sessions s join core.users u on u.id = s.user_id where s.id = proof_of.session_id and u.disabled_at is null
$$;
comment on function core.proof_of(uuid) is
  'What shows that the owner sits before a session: the password, and whether a second factor, or for who has no password the sign-in, is at most ten minutes old.';

-- The first user of an instance administers it.
create or replace function core.tg_users__first_administers() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from core.users) then
    new.is_instance_admin := true;
  end if;
  return new;
end
$$;
drop trigger if exists _100_first_administers on core.users;
create trigger _100_first_administers before insert on core.users for each row execute function core.tg_users__first_administers();

grant execute on function core.create_session(uuid, uuid, text, bytea, timestamptz, timestamptz, inet, text, timestamptz, uuid, uuid),
  core.is_provider_session(uuid), core.resolve_session(uuid), core.rotate_refresh_token(bytea, bytea, timestamptz, inet, text), core.revoke_session(uuid, text),
  core.revoke_sessions(uuid, text, uuid), core.list_sessions(uuid, uuid), core.revoke_own_session(uuid, uuid), core.end_session_of_token(bytea), core.forget_sessions(),
  core.set_password(uuid, text, uuid), core.change_password(uuid, text, uuid, inet, text), core.proof_of(uuid), core.workspaces_of(uuid),
  core.session_mfa_at(uuid) to relvar_server;
--! EndIncluded core/sessions.sql
--! Included core/provider_settings.sql
-- What the settings of an identity provider may say, by its kind. Secrets are not among them.

-- The keys of each kind; what is required must be there before the provider is switched on.
create or replace function core.provider_setting_keys(kind text) returns table (key text, type text, is_required boolean)
language sql immutable parallel safe set search_path = ''
as $$
  select k.key, k.type, k.is_required from (values
    ('OIDC', 'issuer', 'url', true),
    ('OIDC', 'clientId', 'string', true),
    ('OIDC', 'scopes', 'string', false),
    ('OIDC', 'trustsEmail', 'boolean', false),
    ('GOOGLE', 'clientId', 'string', true),
    ('GOOGLE', 'hostedDomain', 'string', false),
    ('MICROSOFT', 'clientId', 'string', true),
    ('MICROSOFT', 'tenant', 'string', true),
    ('MICROSOFT', 'trustsEmail', 'boolean', false),
    ('SAML', 'entityId', 'string', true),
    ('SAML', 'signInUrl', 'address', true),
    ('SAML', 'certificates', 'certificates', true),
    ('SAML', 'metadataUrl', 'address', false),
    ('SAML', 'signsRequests', 'boolean', false),
    ('SAML', 'wantsSignedResponse', 'boolean', false),
    ('SAML', 'allowsIdpInitiated', 'boolean', false),
    ('SAML', 'emailAttribute', 'string', false),
    ('SAML', 'nameAttribute', 'string', false)
  ) as k (kind, key, type, is_required)
  where k.kind = provider_setting_keys.kind
$$;

create or replace function core.assert_provider_settings(kind text, settings jsonb) returns void
language plpgsql immutable set search_path = ''
as $$
declare
  v record;
begin
  if jsonb_typeof(settings) is distinct from 'object' then
    raise exception 'The settings of a provider are an object.' using errcode = 'RV133', column = 'settings';
  end if;
  for v in
    select s.key, s.value, k.type from jsonb_each(settings) s left join core.provider_setting_keys(kind) k on k.key = s.key
  loop
    if v.type is null then
      raise exception 'A provider of this kind has no setting "%".', v.key using errcode = 'RV133', column = v.key,
        hint = coalesce('It has ' || (select string_agg(k.key, ', ') from core.provider_setting_keys(kind) k) || '.', 'It has none.');
    end if;
    if v.type = 'certificates' then
      perform core.assert_certificates(v.key, v.value);
      continue;
    end if;
    if v.value <> 'null' and jsonb_typeof(v.value) <> (case v.type when 'boolean' then 'boolean' else 'string' end) or length(v.value #>> '{}') > 2000 then
      raise exception 'The setting "%" cannot be used.', v.key using errcode = 'RV133', column = v.key,
        hint = case v.type when 'boolean' then 'It is true or false.' else 'It is a text of at most 2,000 letters.' end;
    end if;
    if v.type = 'url' and v.value <> 'null' and (v.value #>> '{}') !~ '^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^\s?#]*)?$' then
      raise exception 'The setting "%" must be an https:// address.', v.key using errcode = 'RV133', column = v.key, hint = 'Such as https://login.acme.com, without ? and #.';
    end if;
    if v.type = 'address' and v.value <> 'null' and (v.value #>> '{}') !~ '^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)([/?][^\s#]*)?$' then
      raise exception 'The setting "%" must be an https:// address.', v.key using errcode = 'RV133', column = v.key, hint = 'Such as https://login.acme.com/saml.';
    end if;
  end loop;
  if kind = 'MICROSOFT' and settings ->> 'tenant' !~ '^[A-Za-z0-9]([A-Za-z0-9.-]{0,100}[A-Za-z0-9])?$' then
    raise exception 'The setting "tenant" cannot be used.' using errcode = 'RV133', column = 'tenant',
      hint = 'The id of the directory, one of its domains, or organizations for the directories of all organizations.';
  end if;
  -- Whoever keeps some directory writes there what addresses he likes.
  if kind = 'MICROSOFT' and settings ->> 'tenant' in ('organizations', 'common', 'consumers') and settings -> 'trustsEmail' = 'true' then
    raise exception 'The addresses of all directories cannot be trusted.' using errcode = 'RV133', column = 'trustsEmail',
      hint = 'Name one directory, or have Microsoft say which addresses are verified (optional claim xms_edov).';
  end if;
end
$$;

-- Whether these are certificates indeed the server tells, which reads them before they get here.
create or replace function core.assert_certificates(key text, value jsonb) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  if jsonb_typeof(value) is distinct from 'array' or jsonb_array_length(value) > 10
    or exists (select from jsonb_array_elements(value) c where jsonb_typeof(c) <> 'string' or length(c #>> '{}') > 10000 or c #>> '{}' !~ '^[A-Za-z0-9+/]{100,}={0,2}$') then
    raise exception 'The setting "%" must be a list of certificates.', key using errcode = 'RV133', column = key,
      hint = 'At most ten, each in base64, without lines and without BEGIN and END.';
  end if;
end
$$;

-- What a provider still lacks before it can be switched on; null when nothing.
create or replace function core.provider_lacks(provider core.identity_providers) returns text
language sql stable set search_path = ''
as $$
  select coalesce(
    (select k.key from core.provider_setting_keys((provider).kind) k where k.is_required and coalesce((provider).settings ->> k.key, '') in ('', '[]') limit 1),
    case when (provider).kind in ('GOOGLE', 'MICROSOFT') and (provider).secret is null then 'secret' end)
$$;
--! EndIncluded core/provider_settings.sql
--! Included metadata/identity_providers.sql
-- The identity providers of a workspace, for who has the permission SECURITY. The client secret is not written here: the
-- server seals it first (POST /auth/sso/secret) and hands over what it has sealed.

create or replace function engine.assert_keeps_sign_in() returns uuid
language plpgsql stable set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'SECURITY');
  return engine.own_workspace();
end
$$;

create or replace function engine.note_security_event(kind text, detail jsonb) returns void
language sql volatile set search_path = ''
as $$
  select core.note_auth_event(kind, engine.own_workspace(), (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => detail || jsonb_build_object('by', engine.actor_name()))
$$;

create or replace function engine.describe_provider(p core.identity_providers) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', p.id, 'kind', p.kind, 'label', p.label, 'slug', p.slug, 'isEnabled', p.is_enabled, 'settings', p.settings,
    'hasSecret', p.secret is not null, 'lacks', core.provider_lacks(p), 'emailDomains', to_jsonb(p.email_domains), 'makesMembers', p.makes_members,
    'defaultRoleId', p.default_role_id, 'roleClaim', p.role_claim, 'setsRoleAnew', p.sets_role_anew, 'trustsSecondFactor', p.trusts_second_factor,
    'roles', (select coalesce(jsonb_agg(jsonb_build_object('value', r.value, 'roleId', r.role_id) order by r.position, r.value), '[]')
      from core.provider_roles r where r.provider_id = p.id),
    'createdAt', p.created_at, 'testedAt', p.tested_at, 'lastTest', p.last_test, 'lastUsedAt', p.last_used_at,
    'members', (select coalesce(jsonb_agg(jsonb_build_object('memberId', m.id, 'name', m.name, 'email', i.email, 'subject', i.subject, 'lastUsedAt', i.last_used_at) order by m.name, m.id), '[]')
      from core.identities i join core.members m on m.user_id = i.user_id and m.workspace_id = p.workspace_id where i.provider_id = p.id))
$$;

create or replace function metadata.identity_providers() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_sign_in();
begin
  return (select coalesce(jsonb_agg(engine.describe_provider(p) order by p.created_at, p.id), '[]') from core.identity_providers p where p.workspace_id = v_workspace);
end
$$;
comment on function metadata.identity_providers() is
  'The identity providers of the workspace with their settings, who is connected, and how the last test went; never their secrets. For who has the permission SECURITY.';

create or replace function engine.provider_of_workspace(id uuid) returns core.identity_providers
language plpgsql volatile set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_sign_in();
  v_provider core.identity_providers;
begin
  select * into v_provider from core.identity_providers p where p.id = provider_of_workspace.id and p.workspace_id = v_workspace for update;
  if not found then
    raise exception 'The workspace has no such provider.' using errcode = 'RV133', hint = 'It may have been removed meanwhile.';
  end if;
  return v_provider;
end
$$;

create or replace function metadata.create_identity_provider(kind text, label text, slug text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_sign_in();
  v_slug text := coalesce(slug, nullif(left(btrim(regexp_replace(lower(create_identity_provider.label), '[^a-z0-9]+', '-', 'g'), '-'), 30), ''), 'sso');
  v_provider core.identity_providers;
begin
  if (select count(*) from core.identity_providers p where p.workspace_id = v_workspace) >= 20 then
    raise exception 'A workspace has at most 20 providers.' using errcode = 'RV133';
  end if;
  if slug is null and exists (select from core.identity_providers p where p.workspace_id = v_workspace and p.slug = v_slug) then
    v_slug := v_slug || '-' || substr(md5(random()::text), 1, 5);
  end if;
  insert into core.identity_providers (workspace_id, kind, label, slug) values (v_workspace, create_identity_provider.kind, btrim(create_identity_provider.label), v_slug)
  returning * into v_provider;
  perform engine.note_security_event('PROVIDER_CREATED', jsonb_build_object('provider', v_provider.label, 'kind', v_provider.kind));
  return engine.describe_provider(v_provider);
exception
  when check_violation then
    raise exception 'A provider needs a kind, a name and a short name.' using errcode = 'RV133',
      hint = 'Kinds are GOOGLE, MICROSOFT, OIDC and SAML; names have at most 60 letters, short names small letters, digits and hyphens.';
  when unique_violation then
    raise exception 'Another provider of the workspace has the short name "%".', v_slug using errcode = 'RV133', column = 'slug';
end
$$;
comment on function metadata.create_identity_provider(text, text, text) is
  'Adds an identity provider, switched off. kind: GOOGLE, MICROSOFT, OIDC or SAML; slug: by which links name it, made of the label unless given. Returns it as metadata.identity_providers() does.';

-- Whoever could give somebody a role may have a provider give it.
create or replace function engine.replace_provider_roles(provider core.identity_providers, roles jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if jsonb_typeof(roles) <> 'array' or jsonb_array_length(roles) > 200 then
    raise exception 'The mapping of roles is a list of at most 200 lines.' using errcode = 'RV133', column = 'roles';
  end if;
  perform engine.assert_may_assign((provider).workspace_id, x.role_id)
  from (select distinct (r ->> 'roleId')::uuid as role_id from jsonb_array_elements(roles) r) x
  where not exists (select from core.provider_roles p where p.provider_id = (provider).id and p.role_id = x.role_id);
  delete from core.provider_roles p where p.provider_id = (provider).id;
  insert into core.provider_roles (workspace_id, provider_id, value, role_id, position)
  select (provider).workspace_id, (provider).id, btrim(r ->> 'value'), (r ->> 'roleId')::uuid, i::int from jsonb_array_elements(roles) with ordinality x (r, i);
exception
  when unique_violation then
    raise exception 'A value stands in the mapping twice.' using errcode = 'RV133', column = 'roles', hint = 'One value gives one role.';
  when check_violation or not_null_violation then
    raise exception 'A line of the mapping has no value.' using errcode = 'RV133', column = 'roles';
end
$$;

create or replace function metadata.update_identity_provider(id uuid, patch jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers := engine.provider_of_workspace(update_identity_provider.id);
  v_old core.identity_providers := v_provider;
  v_unknown text := (select k from jsonb_object_keys(patch) k where k <> all ('{label,slug,settings,isEnabled,emailDomains,makesMembers,defaultRoleId,roleClaim,setsRoleAnew,trustsSecondFactor,roles}') limit 1);
begin
  if v_unknown is not null then
    raise exception 'A provider has no "%".', v_unknown using errcode = 'RV133', column = v_unknown,
      hint = 'It has label, slug, settings, isEnabled, emailDomains, makesMembers, defaultRoleId, roleClaim, setsRoleAnew, trustsSecondFactor and roles.';
  end if;
  v_provider.label := btrim(coalesce(patch ->> 'label', v_provider.label));
  v_provider.slug := coalesce(patch ->> 'slug', v_provider.slug);
  v_provider.settings := coalesce(jsonb_strip_nulls(patch -> 'settings'), v_provider.settings);
  v_provider.is_enabled := coalesce((patch ->> 'isEnabled')::boolean, v_provider.is_enabled);
  v_provider.makes_members := coalesce((patch ->> 'makesMembers')::boolean, v_provider.makes_members);
  v_provider.sets_role_anew := coalesce((patch ->> 'setsRoleAnew')::boolean, v_provider.sets_role_anew);
  v_provider.trusts_second_factor := coalesce((patch ->> 'trustsSecondFactor')::boolean, v_provider.trusts_second_factor);
  if patch ? 'defaultRoleId' then
    v_provider.default_role_id := (patch ->> 'defaultRoleId')::uuid;
  end if;
  if patch ? 'roleClaim' then
    v_provider.role_claim := nullif(btrim(patch ->> 'roleClaim'), '');
  end if;
  if patch ? 'emailDomains' then
    v_provider.email_domains := array(select distinct lower(btrim(d)) from jsonb_array_elements_text(patch -> 'emailDomains') d order by 1);
  end if;
  perform core.assert_provider_settings(v_provider.kind, v_provider.settings);
  if v_provider.default_role_id is not null and v_provider.default_role_id is distinct from v_old.default_role_id then
    perform engine.assert_may_assign(v_provider.workspace_id, v_provider.default_role_id);
  end if;
  if v_provider.is_enabled and core.provider_lacks(v_provider) is not null then
    raise exception 'The provider cannot be switched on: "%" is missing.', core.provider_lacks(v_provider) using errcode = 'RV133', column = core.provider_lacks(v_provider);
  end if;
  -- With other settings it is another provider, as far as anybody has seen.
  if v_provider.settings <> v_old.settings then
    v_provider.tested_at := null;
    v_provider.last_test := null;
    -- Subjects of another issuer are other people. And nobody makes the provider of who keeps the roles one of their own.
    delete from core.identities i where i.provider_id = v_provider.id and (
      (v_provider.settings -> 'issuer', v_provider.settings -> 'tenant', v_provider.settings -> 'entityId') is distinct from (v_old.settings -> 'issuer', v_old.settings -> 'tenant', v_old.settings -> 'entityId')
      or not (engine.acts_as_administrator() or engine.may('ROLES')) and exists (
        select from core.members m join metadata.roles r on r.id = m.role_id
        where m.workspace_id = v_provider.workspace_id and m.user_id = i.user_id and engine.role_may(r.pg_role, 'ROLES')));
  end if;
  update core.identity_providers p set (label, slug, settings, is_enabled, email_domains, makes_members, default_role_id, role_claim, sets_role_anew, trusts_second_factor, tested_at, last_test)
    = (v_provider.label, v_provider.slug, v_provider.settings, v_provider.is_enabled, v_provider.email_domains, v_provider.makes_members, v_provider.default_role_id,
      v_provider.role_claim, v_provider.sets_role_anew, v_provider.trusts_second_factor, v_provider.tested_at, v_provider.last_test)
  where p.id = v_provider.id;
  if patch ? 'roles' then
    perform engine.replace_provider_roles(v_provider, patch -> 'roles');
  end if;
  if v_old.is_enabled and not v_provider.is_enabled then
    perform core.assert_way_in(v_provider.workspace_id);
    perform core.end_forbidden_sessions(v_provider.workspace_id);
  end if;
  perform engine.note_security_event('PROVIDER_CHANGED', jsonb_build_object('provider', v_provider.label, 'changed', (select jsonb_agg(k) from jsonb_object_keys(patch) k)));
  return engine.describe_provider(v_provider);
exception
  when check_violation then
    raise exception 'A provider needs a name and a short name.' using errcode = 'RV133',
      hint = 'Names have at most 60 letters, short names small letters, digits and hyphens.';
  when unique_violation then
    raise exception 'Another provider of the workspace has the short name "%".', v_provider.slug using errcode = 'RV133', column = 'slug';
  when invalid_text_representation or invalid_parameter_value then
    raise exception 'The change cannot be understood.' using errcode = 'RV133', hint = 'Flags are true or false, roles are named by their id, domains are a list of texts.';
end
$$;
comment on function metadata.update_identity_provider(uuid, jsonb) is
  'Changes what the patch names of a provider: label, slug, settings (as a whole), isEnabled, emailDomains, makesMembers, defaultRoleId, roleClaim, setsRoleAnew, trustsSecondFactor, roles ([{value, roleId}], the first that fits counts). Switching it off ends the sessions that it began.';

create or replace function metadata.set_identity_provider_secret(id uuid, sealed_secret text default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers := engine.provider_of_workspace(set_identity_provider_secret.id);
begin
  update core.identity_providers p set secret = set_identity_provider_secret.sealed_secret, tested_at = null, last_test = null where p.id = v_provider.id;
  perform engine.note_security_event('PROVIDER_CHANGED', jsonb_build_object('provider', v_provider.label, 'changed', '["secret"]'::jsonb));
  return true;
end
$$;
comment on function metadata.set_identity_provider_secret(uuid, text) is
  'Keeps the client secret of a provider as the server has sealed it, which POST /auth/sso/secret does; null takes it away. A secret that is not sealed cannot be used.';

create or replace function metadata.delete_identity_provider(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers := engine.provider_of_workspace(delete_identity_provider.id);
begin
  perform core.revoke_session(s.id, 'PROVIDER_REMOVED') from core.sessions s where s.provider_id = v_provider.id and s.revoked_at is null;
  delete from core.identity_providers p where p.id = v_provider.id;
  perform core.assert_way_in(v_provider.workspace_id);
  perform engine.note_security_event('PROVIDER_REMOVED', jsonb_build_object('provider', v_provider.label, 'kind', v_provider.kind));
  return true;
end
$$;
comment on function metadata.delete_identity_provider(uuid) is 'Removes a provider with the connections of its members, and ends the sessions that it began. The members stay.';

create or replace function metadata.disconnect_member(provider_id uuid, member_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers := engine.provider_of_workspace(disconnect_member.provider_id);
  v_member core.members := engine.member_row(v_provider.workspace_id, disconnect_member.member_id);
begin
  return engine.end_identity(v_provider, v_member);
end
$$;
comment on function metadata.disconnect_member(uuid, uuid) is
  'Ends the connection of a member with a person of a provider, and the sessions that it began: for an address that has been given to somebody else. False when there was none.';

create or replace function engine.end_identity(provider core.identity_providers, member core.members) returns boolean
language plpgsql volatile set search_path = ''
as $$
begin
  delete from core.identities i where i.provider_id = (provider).id and i.user_id = (member).user_id;
  if not found then
    return false;
  end if;
  perform core.revoke_session(s.id, 'DISCONNECTED') from core.sessions s
  where s.provider_id = (provider).id and s.user_id = (member).user_id and s.revoked_at is null;
  perform engine.note_member_event('IDENTITY_DISCONNECTED', member, jsonb_build_object('provider', (provider).label));
  return true;
end
$$;

create or replace function metadata.my_identities() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('providerId', p.id, 'kind', p.kind, 'label', p.label, 'isConnected', i.subject is not null, 'email', i.email,
    'connectedAt', i.created_at, 'lastUsedAt', i.last_used_at) order by p.created_at, p.id), '[]')
  from core.members m
  join core.identity_providers p on p.workspace_id = m.workspace_id and p.is_enabled
  left join core.identities i on i.provider_id = p.id and i.user_id = m.user_id
  where m.id = engine.person()
$$;
comment on function metadata.my_identities() is 'The providers of the workspace, and whether the calling member is connected with each: [{providerId, kind, label, isConnected, email, connectedAt, lastUsedAt}].';

create or replace function metadata.disconnect_my_identity(provider_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members := engine.own_member();
  v_provider core.identity_providers;
begin
  select * into v_provider from core.identity_providers p where p.id = disconnect_my_identity.provider_id and p.workspace_id = v_member.workspace_id;
  return found and engine.end_identity(v_provider, v_member);
end
$$;
comment on function metadata.disconnect_my_identity(uuid) is 'Ends the calling member''s connection with a provider, and the sessions that it began. False when there was none.';

grant execute on function metadata.identity_providers(), metadata.create_identity_provider(text, text, text), metadata.update_identity_provider(uuid, jsonb),
  metadata.set_identity_provider_secret(uuid, text), metadata.delete_identity_provider(uuid), metadata.disconnect_member(uuid, uuid), metadata.my_identities(),
  metadata.disconnect_my_identity(uuid) to relvar_crm;
--! EndIncluded metadata/identity_providers.sql
--! Included metadata/sign_in.sql
-- What a workspace lets its members sign in with, for who has the permission SECURITY.

create or replace function metadata.sign_in_settings() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_sign_in();
begin
  return (select jsonb_build_object('isPasswordOn', s.is_password_on, 'isMagicLinkOn', coalesce(j.is_magic_link_on, true), 'isSsoEnforced', s.is_sso_enforced,
      'isMfaEnforced', s.is_mfa_enforced, 'domains', (select coalesce(jsonb_agg(d.domain order by d.domain), '[]') from core.approved_domains d
        where d.workspace_id = v_workspace and d.approved_at is not null),
      -- Who is let in another way whatever is enforced, and should know it.
      'bypassedBy', (select coalesce(jsonb_agg(m.name order by m.name), '[]') from core.members m join metadata.roles r on r.id = m.role_id
        where m.workspace_id = v_workspace and m.is_active and engine.role_may(r.pg_role, 'SSO_BYPASS')))
    from core.workspace_settings s left join core.joining j on j.workspace_id = s.workspace_id where s.workspace_id = v_workspace);
end
$$;
comment on function metadata.sign_in_settings() is
  'What members may sign in with: {isPasswordOn, isMagicLinkOn, isSsoEnforced, isMfaEnforced, domains: the approved e-mail domains, bypassedBy: the names of members with the permission SSO_BYPASS}.';

create or replace function metadata.set_sign_in_methods(is_password_on boolean default null, is_magic_link_on boolean default null, is_sso_enforced boolean default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_sign_in();
begin
  update core.workspace_settings s set is_password_on = coalesce(set_sign_in_methods.is_password_on, s.is_password_on),
    is_sso_enforced = coalesce(set_sign_in_methods.is_sso_enforced, s.is_sso_enforced)
  where s.workspace_id = v_workspace;
  if set_sign_in_methods.is_magic_link_on is not null then
    insert into core.joining (workspace_id, is_magic_link_on) values (v_workspace, set_sign_in_methods.is_magic_link_on)
    on conflict (workspace_id) do update set is_magic_link_on = excluded.is_magic_link_on;
  end if;
  perform core.assert_way_in(v_workspace);
  perform core.end_forbidden_sessions(v_workspace);
  perform engine.note_security_event('SECURITY_CHANGED', jsonb_strip_nulls(jsonb_build_object('isPasswordOn', set_sign_in_methods.is_password_on,
    'isMagicLinkOn', set_sign_in_methods.is_magic_link_on, 'isSsoEnforced', set_sign_in_methods.is_sso_enforced)));
  return metadata.sign_in_settings();
end
$$;
comment on function metadata.set_sign_in_methods(boolean, boolean, boolean) is
  'Whether members may sign in by password and by a link in a mail, and whether they must sign in by a provider of the workspace; what is not given stays. Members with the permission SSO_BYPASS may use passwords nevertheless. Sessions of a way that is not allowed any more end.';

grant execute on function metadata.sign_in_settings(), metadata.set_sign_in_methods(boolean, boolean, boolean) to relvar_crm;
--! EndIncluded metadata/sign_in.sql
--! Included metadata/joining.sql
-- How people get into the workspace: invitations, the invite link, approved e-mail domains.

create or replace function metadata.invitations() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
begin
  return coalesce((select jsonb_agg(jsonb_build_object('id', i.id, 'email', i.email, 'roleId', i.role_id, 'invitedByName', i.invited_by_name,
      'sentAt', i.sent_at, 'expiresAt', i.expires_at, 'isExpired', i.expires_at <= now()) order by i.sent_at desc, i.id)
    from core.invitations i where i.workspace_id = v_workspace and i.accepted_at is null and i.revoked_at is null), '[]');
end
$$;
comment on function metadata.invitations() is 'The invitations that were neither accepted nor revoked. For who keeps the members.';

-- Each mail counts, also one that is sent again: 500 for a workspace and 10 for an address within 7 days.
create or replace function engine.send_invitation(invitation core.invitations) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_token text := core.random_token();
begin
  if not core.count_attempt('invite ' || (invitation).workspace_id, 500, '7 days') then
    raise exception 'This workspace has sent 500 invitations within 7 days.' using errcode = 'RV115', hint = 'Wait some days, or turn the invite link on.';
  end if;
  if not core.count_attempt('invite ' || lower((invitation).email), 10, '7 days') then
    raise exception '% has got 10 invitations within 7 days.', (invitation).email using errcode = 'RV115', column = 'email', hint = 'Wait some days.';
  end if;
  -- The former link works no more.
  update core.invitations i set token_hash = core.hash_token(v_token), sent_at = now(), expires_at = now() + interval '30 days' where i.id = (invitation).id;
  perform core.queue_mail((invitation).email, 'invitation', jsonb_build_object('token', v_token, 'invitedBy', (invitation).invited_by_name), (invitation).workspace_id);
end
$$;

create or replace function metadata.invite_members(emails text[], role_id uuid default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_email text;
  v_invitation core.invitations;
  v_by text := coalesce((select nullif(m.name, '') from core.members m where m.id = engine.current_member()), engine.actor_name());
begin
  if invite_members.role_id is not null then
    perform engine.assert_may_assign(v_workspace, invite_members.role_id);
  end if;
  if coalesce(cardinality(emails), 0) not between 1 and 100 then
    raise exception 'Invite between 1 and 100 people at a time.' using errcode = 'RV115', column = 'emails';
  end if;
  for v_email in select distinct lower(btrim(e)) from unnest(emails) e loop
    if core.is_email(v_email) is not true then
      raise exception '"%" is not an e-mail address.', v_email using errcode = 'RV043', column = 'emails';
    end if;
    if exists (select from core.members m join core.users u on u.id = m.user_id where m.workspace_id = v_workspace and lower(u.email) = v_email) then
      raise exception '% is a member already.', v_email using errcode = 'RV045', column = 'emails', hint = 'A member who was deactivated is reactivated in the list.';
    end if;
    insert into core.invitations as i (workspace_id, email, role_id, token_hash, invited_by_name, expires_at)
    values (v_workspace, v_email, invite_members.role_id, core.hash_token(core.random_token()), v_by, now())
    on conflict (workspace_id, lower(email)) where accepted_at is null and revoked_at is null
    do update set role_id = excluded.role_id, invited_by_name = excluded.invited_by_name
    returning i.* into v_invitation;
    perform engine.send_invitation(v_invitation);
    perform core.note_auth_event('MEMBER_INVITED', v_workspace, null, v_email, null, null, jsonb_build_object('roleId', invite_members.role_id, 'by', v_by));
  end loop;
  return metadata.invitations();
end
$$;
comment on function metadata.invite_members(text[], uuid) is
  'Invites people by mail, with a role, or with the default role of the workspace. An open invitation of the same address is replaced.';

create or replace function engine.open_invitation(id uuid) returns core.invitations
language plpgsql volatile set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_invitation core.invitations;
begin
  select * into v_invitation from core.invitations i
  where i.id = open_invitation.id and i.workspace_id = v_workspace and i.accepted_at is null and i.revoked_at is null for update;
  if not found then
    raise exception 'There is no such open invitation.' using errcode = 'RV063', hint = 'It may have been accepted or revoked meanwhile.';
  end if;
  return v_invitation;
end
$$;

create or replace function metadata.resend_invitation(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.send_invitation(engine.open_invitation(resend_invitation.id));
  return metadata.invitations();
end
$$;
comment on function metadata.resend_invitation(uuid) is 'Sends an invitation again, with a new link, for another 30 days.';

create or replace function metadata.revoke_invitation(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_invitation core.invitations := engine.open_invitation(revoke_invitation.id);
begin
  update core.invitations i set revoked_at = now() where i.id = v_invitation.id;
  perform core.note_auth_event('INVITATION_REVOKED', v_invitation.workspace_id, null, v_invitation.email, null, null, jsonb_build_object('by', engine.actor_name()));
  return metadata.invitations();
end
$$;
comment on function metadata.revoke_invitation(uuid) is 'Takes an invitation back: its link works no more.';

create or replace function metadata.joining() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_joining core.joining;
begin
  select * into v_joining from core.joining j where j.workspace_id = v_workspace;
  return jsonb_build_object(
    'isInviteLinkOn', coalesce(v_joining.is_invite_link_on, false),
    'defaultRoleId', core.default_role(v_workspace),
    'domains', coalesce((select jsonb_agg(jsonb_build_object('id', d.id, 'domain', d.domain, 'requestedEmail', d.requested_email, 'approvedAt', d.approved_at) order by d.domain)
      from core.approved_domains d where d.workspace_id = v_workspace), '[]'));
end
$$;
comment on function metadata.joining() is 'How people get into the workspace. For who keeps the members.';

create or replace function metadata.new_invite_link() returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_token text := core.random_token();
begin
  insert into core.joining (workspace_id, invite_link_hash, is_invite_link_on) values (v_workspace, core.hash_token(v_token), true)
  on conflict (workspace_id) do update set invite_link_hash = excluded.invite_link_hash, is_invite_link_on = true;
  perform core.note_auth_event('INVITE_LINK_MADE', v_workspace, null, null, null, null, jsonb_build_object('by', engine.actor_name()));
  return metadata.joining() || jsonb_build_object('token', v_token);
end
$$;
comment on function metadata.new_invite_link() is 'Makes an invite link, which replaces the former one, and returns its token with all that metadata.joining() says. It is told this once; only its hash is stored.';

create or replace function metadata.end_invite_link() returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
begin
  update core.joining j set is_invite_link_on = false, invite_link_hash = null where j.workspace_id = v_workspace;
  perform core.note_auth_event('INVITE_LINK_ENDED', v_workspace, null, null, null, null, jsonb_build_object('by', engine.actor_name()));
  return metadata.joining();
end
$$;
comment on function metadata.end_invite_link() is 'Turns the invite link off: the one that people have works no more.';

create or replace function metadata.request_domain(domain text, email text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_domain text := lower(btrim(request_domain.domain));
  v_email text := lower(btrim(request_domain.email));
begin
  if core.is_email(v_email) is not true then
    raise exception '"%" is not an e-mail address.', v_email using errcode = 'RV043', column = 'email';
  end if;
  if core.domain_of(v_email) <> v_domain then
    raise exception '% is not an address at %.', v_email, v_domain using errcode = 'RV116', column = 'email', hint = 'Somebody at the domain must agree, by a link that is sent there.';
  end if;
  if engine.is_public_mail_domain(v_domain) then
    raise exception 'Anybody can have an address at %.', v_domain using errcode = 'RV116', column = 'domain', hint = 'Approve the domain of your own organization.';
  end if;
  if not core.count_attempt('domain ' || v_workspace, 20, '7 days') then
    raise exception 'This workspace has asked 20 times for a domain within 7 days.' using errcode = 'RV115', hint = 'Wait some days.';
  end if;
  insert into core.approved_domains as d (workspace_id, domain, requested_email) values (v_workspace, v_domain, v_email)
  on conflict (workspace_id, domain) do update set requested_email = excluded.requested_email;
  perform core.queue_mail(v_email, 'approve_domain', jsonb_build_object('domain', v_domain, 'requestedBy', engine.actor_name(),
    'token', core.issue_token('APPROVE_DOMAIN', v_email, null, '24 hours', v_workspace, jsonb_build_object('domain', v_domain))), v_workspace);
  perform core.note_auth_event('DOMAIN_REQUESTED', v_workspace, null, v_email, null, null, jsonb_build_object('domain', v_domain, 'by', engine.actor_name()));
  return metadata.joining();
exception when check_violation then
  raise exception '"%" is not an e-mail domain.', v_domain using errcode = 'RV116', column = 'domain', hint = 'Such as acme.com.';
end
$$;
comment on function metadata.request_domain(text, text) is
  'Asks somebody with an address at a domain whether everyone there may join. Once the link in the mail is followed, they may.';

create or replace function engine.is_public_mail_domain(domain text) returns boolean
language sql immutable parallel safe set search_path = ''
  return domain = any ('{gmail.com,googlemail.com,outlook.com,hotmail.com,live.com,msn.com,yahoo.com,ymail.com,icloud.com,me.com,mac.com,aol.com,
gmx.com,gmx.de,gmx.net,web.de,t-online.de,freenet.de,mail.com,mail.ru,yandex.com,yandex.ru,proton.me,protonmail.com,pm.me,tutanota.com,tuta.com,zoho.com,
fastmail.com,hey.com,qq.com,163.com,126.com,sina.com,naver.com,orange.fr,free.fr,laposte.net,libero.it,hotmail.co.uk,yahoo.co.uk,btinternet.com}'::text[]);

create or replace function metadata.remove_domain(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_domain text;
begin
  delete from core.approved_domains d where d.id = remove_domain.id and d.workspace_id = v_workspace returning d.domain into v_domain;
  if found then
    perform core.note_auth_event('DOMAIN_REMOVED', v_workspace, null, null, null, null, jsonb_build_object('domain', v_domain, 'by', engine.actor_name()));
  end if;
  return metadata.joining();
end
$$;
comment on function metadata.remove_domain(uuid) is 'Takes the approval of a domain back. Members who came by it stay.';

grant execute on function metadata.invitations(), metadata.invite_members(text[], uuid), metadata.resend_invitation(uuid), metadata.revoke_invitation(uuid),
  metadata.joining(), metadata.new_invite_link(), metadata.end_invite_link(), metadata.request_domain(text, text),
  metadata.remove_domain(uuid) to relvar_crm;
--! EndIncluded metadata/joining.sql
-- Members say in which language and time zone they read.
alter table core.members add column settled_at timestamptz;
comment on column core.members.settled_at is 'When the language and the time zone of the member were first taken from a browser.';
drop function metadata.update_my_profile(text, text, text, text, text, text);
--! Included metadata/profile.sql
-- What members say of themselves. Their role need not let them change records of members: these
-- functions write to the caller's own record, and only what is theirs to say.

create or replace function engine.own_member() returns core.members
language plpgsql stable set search_path = ''
as $$
declare
  v_member core.members;
begin
  select * into v_member from core.members m where m.id = engine.current_member();
  if not found then
    raise exception 'Only a member has a profile.' using errcode = '42501', hint = 'Sign in as a member.';
  end if;
  return v_member;
end
$$;

create or replace function engine.assert_may_name_oneself() returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.may('PROFILE_INFORMATION') then
    raise exception 'Your role may not change your name and picture.' using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
end
$$;

create or replace function metadata.my_profile() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member core.members;
  v_profile jsonb;
begin
  select * into v_member from core.members m where m.id = engine.person();
  if not found then
    return null;
  end if;
  execute format('select jsonb_build_object(''firstName'', coalesce(t.name_first_name, ''''), ''lastName'', coalesce(t.name_last_name, ''''), ''avatarUrl'', t.avatar_url,
      ''colorScheme'', t.color_scheme, ''dateFormat'', t.date_format, ''timeFormat'', t.time_format, ''numberFormat'', t.number_format,
      ''locale'', coalesce(t.locale, ''en''), ''timeZone'', coalesce(t.time_zone, ''system''))
    from %I.workspace_members t where t.id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id))
    into v_profile using v_member.id;
  return v_profile || jsonb_build_object('memberId', v_member.id, 'keepsMembers', engine.keeps_members(), 'email', (select u.email from core.users u where u.id = v_member.user_id),
    -- The browser of who acts as somebody else says nothing of that one.
    'isSettled', v_member.settled_at is not null or nullif(current_setting('relvar.impersonator_id', true), '') is not null);
end
$$;
comment on function metadata.my_profile() is
  'Name, picture, language, time zone and formats of the member who asks; null for who is no member. isSettled: whether the language and the time zone were taken from a browser once.';

-- "system" is whatever the device says.
create or replace function engine.is_time_zone(name text) returns boolean
language sql stable set search_path = ''
  return name = 'system' or exists (select from pg_catalog.pg_timezone_names z where z.name = is_time_zone.name);

-- BCP 47: a language, perhaps a script, a region and variants.
create or replace function engine.is_locale(name text) returns boolean
language sql immutable parallel safe set search_path = ''
  return name ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$';

create or replace function metadata.update_my_profile(first_name text default null, last_name text default null, color_scheme text default null,
  date_format text default null, time_format text default null, number_format text default null, locale text default null, time_zone text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members := engine.own_member();
begin
  if first_name is not null or last_name is not null then
    perform engine.assert_may_name_oneself();
  end if;
  if not engine.is_time_zone(time_zone) then
    raise exception '"%" is not a time zone.', time_zone using errcode = 'RV160', column = 'time_zone',
      hint = 'Give a name such as Europe/Berlin, or "system" for that of the device. select name from pg_timezone_names lists them.';
  end if;
  if not engine.is_locale(locale) then
    raise exception '"%" is not a language.', locale using errcode = 'RV161', column = 'locale', hint = 'Give a tag such as en, en-GB or de-AT.';
  end if;
  execute format('update %I.workspace_members t set
      name_first_name = coalesce($2, t.name_first_name), name_last_name = coalesce($3, t.name_last_name), color_scheme = coalesce($4, t.color_scheme),
      date_format = coalesce($5, t.date_format), time_format = coalesce($6, t.time_format), number_format = coalesce($7, t.number_format),
      locale = coalesce($8, t.locale), time_zone = coalesce($9, t.time_zone)
    where t.id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id))
    using v_member.id, left(btrim(first_name), 100), left(btrim(last_name), 100), color_scheme, date_format, time_format, number_format, locale, time_zone;
  -- Mails are of the account.
  update core.users u set locale = update_my_profile.locale where u.id = v_member.user_id and update_my_profile.locale is not null;
  return metadata.my_profile();
end
$$;
comment on function metadata.update_my_profile(text, text, text, text, text, text, text, text) is
  'Changes what is given of the caller''s own profile, and leaves the rest. locale: such as en-GB; timeZone: such as Europe/Berlin, or "system".';

-- At the first sign-in, and once: what the browser says, where the member has said nothing.
create or replace function metadata.settle_my_profile(locale text, time_zone text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members := engine.own_member();
  v_profile jsonb := metadata.my_profile();
begin
  if (v_profile ->> 'isSettled')::boolean then
    return v_profile;
  end if;
  update core.members m set settled_at = now() where m.id = v_member.id;
  -- A browser may know zones that this server does not.
  return metadata.update_my_profile(locale => case when v_profile ->> 'locale' = 'en' and engine.is_locale(settle_my_profile.locale) then settle_my_profile.locale end,
    time_zone => case when v_profile ->> 'timeZone' = 'system' and engine.is_time_zone(settle_my_profile.time_zone) then settle_my_profile.time_zone end);
end
$$;
comment on function metadata.settle_my_profile(text, text) is
  'Takes the language and the time zone of the caller''s browser for the profile, once, unless they were chosen already.';

-- Pictures are small, and kept in the database until there is a store of files.
create or replace function metadata.set_my_photo(media_type text default null, content_base64 text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member core.members := engine.own_member();
  v_content bytea;
  v_id uuid;
begin
  perform engine.assert_may_name_oneself();
  delete from core.member_photos p where p.member_id = v_member.id;
  if content_base64 is not null then
    begin
      v_content := decode(content_base64, 'base64');
    exception when others then
      v_content := null;
    end;
    -- What a browser is told to be a picture must be one.
    if v_content is null or octet_length(v_content) > 100 * 1024 or not coalesce(case set_my_photo.media_type
        when 'image/png' then substr(v_content, 1, 4) = '\x89504e47'::bytea
        when 'image/jpeg' then substr(v_content, 1, 3) = '\xffd8ff'::bytea
        when 'image/webp' then substr(v_content, 1, 4) = '\x52494646'::bytea and substr(v_content, 9, 4) = '\x57454250'::bytea end, false) then
      raise exception 'This is not a picture of at most 100 kB.' using errcode = 'RV117', column = 'content_base64', hint = 'PNG, JPEG and WebP are understood.';
    end if;
    insert into core.member_photos (member_id, media_type, content) values (v_member.id, set_my_photo.media_type, v_content) returning id into v_id;
  end if;
  update core.members m set avatar_url = '/auth/photos/' || v_id where m.id = v_member.id;
  return metadata.my_profile();
end
$$;
comment on function metadata.set_my_photo(text, text) is 'Sets the picture of the member who asks (PNG, JPEG or WebP, at most 100 kB, in base64), or takes it away.';

grant execute on function metadata.my_profile(), metadata.update_my_profile(text, text, text, text, text, text, text, text),
  metadata.settle_my_profile(text, text), metadata.set_my_photo(text, text) to relvar_crm;

create or replace function core.photo(id uuid, workspace_id uuid) returns table (media_type text, content bytea)
language sql stable security definer set search_path = ''
as $$
  select p.media_type, p.content from core.member_photos p join core.members m on m.id = p.member_id
  where p.id = photo.id and m.workspace_id = photo.workspace_id
$$;
grant execute on function core.photo(uuid, uuid) to relvar_server;
--! EndIncluded metadata/profile.sql

-- Teams: names, what goes up when a team goes, and the audit of who is in them.
alter table metadata.teams drop constraint teams_workspace_id_parent_team_id_fkey,
  add constraint teams_workspace_id_parent_team_id_fkey foreign key (workspace_id, parent_team_id) references metadata.teams (workspace_id, id) deferrable initially deferred;
--! Included metadata/teams.sql
-- Teams, in a hierarchy, and who is in them. Rules of roles ask for the members of the own teams and for those
-- below; records are shared with whole teams. So who changes a team changes what people see, which the audit tells.

create or replace function engine.tg_teams__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, engine.workspace_of_role(current_setting('role')::name));
  new.name := btrim(new.name);
  if new.name = '' or length(new.name) > 100 then
    raise exception 'A team needs a name.' using errcode = 'RV162', column = 'name', hint = 'Give one of at most 100 letters.';
  end if;
  if exists (select from metadata.teams t where t.workspace_id = new.workspace_id and t.id <> new.id and lower(t.name) = lower(new.name)) then
    raise exception 'There is a team "%" already.', new.name using errcode = 'RV162', column = 'name', hint = 'Choose another name.';
  end if;
  if new.parent_team_id is not null and exists (
    with recursive above (id) as (
      select new.parent_team_id union select t.parent_team_id from above a join metadata.teams t on t.id = a.id where t.parent_team_id is not null
    ) select from above a where a.id = new.id) then
    raise exception 'The team "%" would be beneath itself.', new.name using errcode = 'RV096', column = 'parent_team_id', hint = 'Choose a team that is not beneath this one.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.teams for each row execute function engine.tg_teams__validate();

-- What was beneath a team that goes is beneath the next one above it then, so that who leads that one goes on
-- seeing it. After the statement, which may have deleted several.
create or replace function engine.tg_teams__hand_up() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  with recursive above (id, parent_team_id) as (
    select g.id, g.parent_team_id from gone g
    union
    select a.id, g.parent_team_id from above a join gone g on g.id = a.parent_team_id
  )
  update metadata.teams t set parent_team_id = a.parent_team_id
  from above a
  where a.id = t.parent_team_id and not exists (select from gone g where g.id = a.parent_team_id);
  return null;
end
$$;
create or replace trigger _400_hand_up after delete on metadata.teams referencing old table as gone for each statement execute function engine.tg_teams__hand_up();

create or replace function engine.tg_team_members__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select t.workspace_id from metadata.teams t where t.id = new.team_id));
  if tg_op = 'INSERT' and exists (select from metadata.team_members m where m.team_id = new.team_id and m.member_id = new.member_id) then
    raise exception '% is in this team already.', (select m.name from core.members m where m.id = new.member_id) using errcode = 'RV162', column = 'member_id';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.team_members for each row execute function engine.tg_team_members__validate();

create or replace function engine.tg_teams__note() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_team metadata.teams := case when tg_op = 'DELETE' then old else new end;
begin
  if engine.workspace_exists(v_team.workspace_id) then
    perform core.note_auth_event(case tg_op when 'INSERT' then 'TEAM_CREATED' when 'UPDATE' then 'TEAM_CHANGED' else 'TEAM_DELETED' end, v_team.workspace_id,
      detail => jsonb_build_object('team', v_team.name, 'teamId', v_team.id, 'by', engine.actor_name()));
  end if;
  return null;
end
$$;
create or replace trigger _500_note after insert or update or delete on metadata.teams for each row execute function engine.tg_teams__note();

create or replace function engine.tg_team_members__note() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_row metadata.team_members := case when tg_op = 'DELETE' then old else new end;
  v_team text := (select t.name from metadata.teams t where t.id = v_row.team_id);
  v_member core.members;
begin
  select * into v_member from core.members m where m.id = v_row.member_id;
  -- What goes with its team or its member is told with that.
  if v_team is not null and v_member.id is not null then
    perform engine.note_member_event(case tg_op when 'INSERT' then 'TEAM_MEMBER_ADDED' when 'UPDATE' then 'TEAM_MEMBER_CHANGED' else 'TEAM_MEMBER_REMOVED' end, v_member,
      jsonb_build_object('team', v_team, 'teamId', v_row.team_id, 'isLead', v_row.is_lead));
  end if;
  return null;
end
$$;
create or replace trigger _500_note after insert or update or delete on metadata.team_members for each row execute function engine.tg_team_members__note();

-- What deleting a team would change.
create or replace function metadata.team_dependents(team_id uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_team metadata.teams;
  v_shares bigint;
begin
  select * into v_team from metadata.teams t where t.id = team_dependents.team_id;
  perform engine.assert_manages(v_team.workspace_id, 'WORKSPACE_MEMBERS');
  execute format('select count(*) from %I.record_shares s where s.principal_kind = ''TEAM'' and s.principal_id = $1',
    (select w.schema_name from core.workspaces w where w.id = v_team.workspace_id)) into v_shares using v_team.id;
  return jsonb_build_object('shares', v_shares,
    'teams', (select coalesce(jsonb_agg(t.name order by t.name), '[]') from metadata.teams t where t.parent_team_id = v_team.id),
    'members', (select coalesce(jsonb_agg(m.name order by m.name), '[]') from metadata.team_members u join core.members m on m.id = u.member_id where u.team_id = v_team.id));
end
$$;
comment on function metadata.team_dependents(uuid) is
  'What deleting a team would change: {members, teams beneath it, shares: how many records are shared with it}. For who keeps the teams.';
grant execute on function metadata.team_dependents(uuid) to relvar_crm;
--! EndIncluded metadata/teams.sql

-- Shares that end, and the log of who shared.
do $$
declare
  v_schema text;
begin
  -- Workspaces of the first release have no shares yet, and get them as they are now.
  for v_schema in select w.schema_name from core.workspaces w where to_regclass(format('%I.record_shares', w.schema_name)) is not null loop
    execute format('alter table %I.record_shares add column expires_at timestamptz', v_schema);
    execute format('comment on column %I.record_shares.expires_at is ''When the share ends; null for never.''', v_schema);
    -- Made anew with what they tell and take since.
    execute format('drop function %1$I.share_record(text, uuid, text, uuid, text, text), %1$I.shares_of_record(text, uuid)', v_schema);
  end loop;
end
$$;
drop function engine.share_record(name, text, text, uuid, text, uuid, text, text), engine.shares_of_record(name, text, text, uuid);
--! Included engine/permissions/sharing.sql
-- Single records opened to members, teams or roles beside what their rules let them see. Who may change a
-- record may share it; a share opens no object and no field that the other's role does not have.

-- A record that the caller names, and may do something with: else it is not there.
create or replace function engine.shareable_object(caller name, schema_name text, object_name text, record_id uuid, action text) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = shareable_object.schema_name and o.name_singular = object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not engine.may_touch(caller, v_object.id, record_id, action) then
    raise exception 'Your role may not % this record, or there is none.', case action when 'READ' then 'see' else 'change' end
      using errcode = '42501', hint = case action when 'READ' then '' else 'Who may change a record may share it.' end;
  end if;
  return v_object;
end
$$;

-- What a member, a team or a role is called; null where there is none.
create or replace function engine.principal_name(workspace_id uuid, principal_kind text, principal_id uuid) returns text
language sql stable set search_path = ''
  return case principal_kind
    when 'MEMBER' then (select coalesce(nullif(m.name, ''), 'A member') from core.members m where m.id = principal_id and m.workspace_id = principal_name.workspace_id)
    when 'TEAM' then (select t.name from metadata.teams t where t.id = principal_id and t.workspace_id = principal_name.workspace_id)
    when 'ROLE' then (select r.name from metadata.roles r where r.id = principal_id and r.workspace_id = principal_name.workspace_id) end;

-- The log tells who shared what with whom, and who took it back.
create or replace function engine.note_share(schema_name text, object metadata.objects, record_id uuid, before jsonb, after jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_batch bigint := nextval('engine.event_batch');
  v_actor engine.actor := engine.current_actor();
  v_action text := case when after is null then 'unshared' else 'shared' end;
begin
  if not (object).is_audited then
    return;
  end if;
  execute format('insert into %I.record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
    values ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif(current_setting(''relvar.request_id'', true), ''''))', schema_name)
  using v_batch, (object).id, record_id, v_action, case when before is not null then jsonb_build_object('share', before) end, case when after is not null then jsonb_build_object('share', after) end,
    v_actor.type, v_actor.id, v_actor.name, engine.current_source();
  insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, (object).workspace_id, (object).id, v_action);
end
$$;

create or replace function engine.share_record(caller name, schema_name text, object_name text, record_id uuid, principal_kind text, principal_id uuid, access text, reason text, expires_at timestamptz) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'UPDATE');
  v_principal text := engine.principal_name(v_object.workspace_id, principal_kind, principal_id);
  v_reason text := coalesce(left(btrim(reason), 500), '');
  v_id uuid;
  v_before jsonb;
begin
  if coalesce(access, '') not in ('READ', 'WRITE') then
    raise exception 'A record is shared to READ or to WRITE, not to "%".', access using errcode = 'RV098', column = 'access', hint = 'WRITE lets the other change it, too.';
  end if;
  if v_principal is null then
    raise exception 'There is no such % here.', coalesce(lower(nullif(principal_kind, '')), 'member') using errcode = 'RV098', column = 'principal_id',
      hint = 'Share with a MEMBER, a TEAM or a ROLE of this workspace, by its id.';
  end if;
  if expires_at <= now() then
    raise exception 'The share would have ended already.' using errcode = 'RV098', column = 'expires_at', hint = 'Choose a later day, or none.';
  end if;
  execute format('select jsonb_build_object(''with'', $5, ''kind'', $3, ''access'', s.access, ''reason'', s.reason, ''expiresAt'', s.expires_at)
    from %I.record_shares s where s.object_id = $1 and s.record_id = $2 and s.principal_kind = $3 and s.principal_id = $4', schema_name)
  into v_before using v_object.id, record_id, principal_kind, principal_id, v_principal;
  execute format(
    'insert into %I.record_shares as s (object_id, record_id, principal_kind, principal_id, access, reason, created_by, created_by_name, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (object_id, record_id, principal_kind, principal_id) do update set access = excluded.access, reason = excluded.reason,
       created_by = excluded.created_by, created_by_name = excluded.created_by_name, created_at = now(), expires_at = excluded.expires_at
     returning s.id', schema_name)
  into v_id using v_object.id, record_id, principal_kind, principal_id, access, v_reason, engine.current_member(), (engine.current_actor()).name, expires_at;
  perform engine.note_share(schema_name, v_object, record_id, v_before,
    jsonb_build_object('with', v_principal, 'kind', principal_kind, 'access', access, 'reason', v_reason, 'expiresAt', expires_at));
  return v_id;
end
$$;

create or replace function engine.unshare_record(caller name, schema_name text, share_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_share record;
begin
  execute format('select s.*, o.name_singular from %I.record_shares s join metadata.objects o on o.id = s.object_id where s.id = $1', schema_name) into v_share using share_id;
  if v_share.id is null then
    return false;
  end if;
  v_object := engine.shareable_object(caller, schema_name, v_share.name_singular, v_share.record_id, 'UPDATE');
  execute format('delete from %I.record_shares where id = $1', schema_name) using share_id;
  perform engine.note_share(schema_name, v_object, v_share.record_id, jsonb_build_object(
    'with', engine.principal_name(v_object.workspace_id, v_share.principal_kind, v_share.principal_id), 'kind', v_share.principal_kind, 'access', v_share.access,
    'reason', v_share.reason, 'expiresAt', v_share.expires_at), null);
  return true;
end
$$;

-- What has ended is told no more.
create or replace function engine.shares_of_record(caller name, schema_name text, object_name text, record_id uuid)
returns table (share_id uuid, principal_kind text, principal_id uuid, principal_name text, access text, reason text, created_by_name text, created_at timestamptz, expires_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
begin
  return query execute format($sql$
      select s.id, s.principal_kind, s.principal_id, coalesce(engine.principal_name($3, s.principal_kind, s.principal_id), ''), s.access, s.reason, s.created_by_name, s.created_at, s.expires_at
      from %I.record_shares s
      where s.object_id = $1 and s.record_id = $2 and (s.expires_at is null or s.expires_at > now()) order by s.created_at, s.id
    $sql$, schema_name) using v_object.id, record_id, v_object.workspace_id;
end
$$;

-- Shares go with whom they are for.
create or replace function engine.tg_principals__forget_shares() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = old.workspace_id);
begin
  if to_regclass(quote_ident(v_schema) || '.record_shares') is not null then
    execute format('delete from %I.record_shares where principal_id = $1 and principal_kind = $2', v_schema) using old.id, tg_argv[0];
  end if;
  return null;
end
$$;
create or replace trigger _600_forget_shares after delete on core.members for each row execute function engine.tg_principals__forget_shares('MEMBER');
create or replace trigger _600_forget_shares after delete on metadata.teams for each row execute function engine.tg_principals__forget_shares('TEAM');
create or replace trigger _600_forget_shares after delete on metadata.roles for each row execute function engine.tg_principals__forget_shares('ROLE');

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.share_record(name, text, text, uuid, text, uuid, text, text, timestamptz), engine.unshare_record(name, text, uuid),
  engine.shares_of_record(name, text, text, uuid) to relvar_crm;
--! EndIncluded engine/permissions/sharing.sql
--! Included engine/permissions/who.sql
-- Who sees a record, and why: by the role, by a rule of it, as its creator, or by a share. For who may share the record,
-- who learns by it what the shares alone do not say.
create or replace function metadata.who_has_access(object_name text, record_id uuid, max_results int default 100) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_workspace uuid := engine.own_workspace();
  v_schema text := (select w.schema_name from core.workspaces w where w.id = v_workspace);
  v_object metadata.objects := engine.shareable_object(current_setting('role')::name, v_schema, object_name, record_id, 'UPDATE');
  v_answer jsonb := '[]';
  v_reads boolean;
  v_updates boolean;
  v_reason jsonb;
  r record;
begin
  for r in
    with role as materialized (
      select x.id, x.pg_role, x.name, engine.condition_of(x.pg_role, v_object.id, 'READ', 't.') as on_read, engine.condition_of(x.pg_role, v_object.id, 'UPDATE', 't.') as on_update
      from metadata.roles x where x.workspace_id = v_workspace
    )
    select m.id, m.name, x.name as role, x.pg_role, x.on_read, x.on_update
    from core.members m join role x on x.id = m.role_id
    where m.workspace_id = v_workspace and m.is_active and x.on_read <> 'false'
    order by lower(m.name), m.id limit least(greatest(max_results, 1), 500)
  loop
    v_reason := jsonb_build_object('kind', 'ROLE', 'text', format('The role "%s" shows every record.', r.role));
    v_reads := r.on_read = 'true';
    v_updates := r.on_update = 'true';
    if not (v_reads and v_updates) then
      execute format('select %s, %s from %I.%I t where t.id = $1', engine.condition_of(r.pg_role, v_object.id, 'READ', 't.', r.id),
        engine.condition_of(r.pg_role, v_object.id, 'UPDATE', 't.', r.id), v_schema, v_object.table_name) into v_reads, v_updates using record_id;
    end if;
    continue when not coalesce(v_reads, false);
    if r.on_read <> 'true' then
      select jsonb_build_object('kind', case e ->> 'kind' when 'PRIVATE' then 'CREATOR' else e ->> 'kind' end,
        'text', case e ->> 'kind' when 'PRIVATE' then 'Created it.' when 'RECORD' then format('A rule of the role "%s": %s', e ->> 'role', regexp_replace(e ->> 'text', '^To read: ', '')) else e ->> 'text' end)
      into v_reason
      from jsonb_array_elements(engine.explain_access(v_workspace, object_name, 'READ', record_id, null, r.id) -> 'reasons') with ordinality u (e, n)
      where e ->> 'kind' in ('SHARE', 'RECORD', 'PRIVATE') and (e ->> 'allows')::boolean
      order by array_position('{SHARE,PRIVATE,RECORD}', e ->> 'kind'), n limit 1;
    end if;
    v_answer := v_answer || jsonb_build_object('memberId', r.id, 'name', r.name, 'role', r.role, 'canUpdate', coalesce(v_updates, false), 'kind', v_reason -> 'kind', 'text', v_reason -> 'text');
  end loop;
  return v_answer;
end
$$;
comment on function metadata.who_has_access(text, uuid, int) is
  'Which members see a record, whether they may change it, and why: [{memberId, name, role, canUpdate, kind (ROLE, RECORD, CREATOR, SHARE), text}]. For who may share the record.';
grant execute on function metadata.who_has_access(text, uuid, int) to relvar_crm;
--! EndIncluded engine/permissions/who.sql
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
--! Included engine/permissions/reading.sql
-- The reading side of a CRM role: a role of PostgreSQL of its own, which may select what the CRM role may
-- and do nothing else. Database logins that must not write are bound to it, so nothing that they set makes
-- them able to. There is one only where a login wants it. It is no member of relvar_crm: beside tables it
-- reaches the functions that are granted to relvar_reader, none of which writes.

create or replace function engine.reading_role(pg_role text) returns text
language sql immutable parallel safe set search_path = ''
  return regexp_replace(pg_role, '_r_(\d+)$', '_ro_\1');

-- The CRM role that a role is the reading side of; any other is itself.
create or replace function engine.crm_role(pg_role text) returns text
language sql immutable parallel safe set search_path = ''
  return regexp_replace(pg_role, '_ro_(\d+)$', '_r_\1');

-- Roles of a workspace that have, or should have, a reading side: those of members whose logins read, what
-- these include, and where there is one already, which stays as long as the role.
create or replace function engine.reading_roles(workspace_id uuid, roles text[] default null) returns table (pg_role text, reading_role text)
language sql stable set search_path = '' set jit = off
as $$
  with recursive reading (role_id) as (
    (
      select m.role_id from core.database_logins l join core.members m on m.id = l.member_id
      where l.workspace_id = reading_roles.workspace_id and not l.may_write and l.ended_at is null
      union
      select r.id from metadata.roles r join pg_catalog.pg_roles p on p.rolname = engine.reading_role(r.pg_role)
      where r.workspace_id = reading_roles.workspace_id
    )
    union
    select i.included_role_id from reading g join metadata.role_includes i on i.role_id = g.role_id
  )
  select r.pg_role, engine.reading_role(r.pg_role)
  from reading g join metadata.roles r on r.id = g.role_id
  where roles is null or r.pg_role = any (roles)
$$;

-- Functions of a tenant that only read.
create or replace function engine.reading_functions() returns text[]
language sql immutable parallel safe set search_path = ''
  return '{shared_ids,matching_ids,search_records,find_duplicates,find_duplicates_of,record_history,deleted_records,shares_of_record}'::text[];

grant execute on function engine.search(name, text, text, int), engine.record_history(name, text, text, uuid, int, bigint),
  engine.deleted_records(name, text, text, int, int), engine.shares_of_record(name, text, text, uuid),
  engine.my_team(), engine.below_me(), engine.shared_ids(uuid, text), engine.rule_ids(uuid, text), engine.visible_ids(uuid),
  engine.wholly_readable_objects(name), engine.duplicate_candidates(name, text, text, uuid, jsonb), engine.visible_duplicates(jsonb, int),
  engine.today(), engine.start_of_today() to relvar_reader;
--! EndIncluded engine/permissions/reading.sql
--! Included engine/identity.sql
-- Who is asking. The workspace follows from the PostgreSQL role, which nobody can forge: it is
-- reached only by a SET ROLE that was granted. The member is a setting, which anybody can set, so
-- it is believed only from sessions of the server, the worker and administrators; a person's own
-- database login (core.database_logins) is mapped to the member it was given to.

create or replace function engine.is_trusted_session() returns boolean
language sql stable
  return session_user in ('relvar_server', 'relvar_worker')
    or pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member');

create or replace function engine.workspace_of_role(pg_role name) returns uuid
language sql stable security definer set search_path = ''
as $$ select r.workspace_id from metadata.roles r where r.pg_role = engine.crm_role(workspace_of_role.pg_role) $$;
grant execute on function engine.workspace_of_role(name) to public;

create or replace function engine.current_workspace() returns uuid
language sql stable set search_path = ''
  return engine.workspace_of_role(current_user);
comment on function engine.current_workspace() is 'The workspace whose CRM role the session has taken; null outside of one.';
grant execute on function engine.current_workspace() to public;

-- Every write asks several times who makes it (four column defaults and the log), so the answer is
-- kept in settings for the rest of the transaction, with the basis that it follows from: when that
-- changes, it is found anew. Anybody can write a setting, so a session that is not trusted with
-- relvar.member_id is not trusted with these either.
--
-- The functions without a search_path of their own become parts of the statements that call them,
-- where each costs a microsecond; they name nothing that a search path could change.
create or replace function engine.actor_basis() returns text
language sql stable
  return pg_catalog.concat_ws('|', session_user, current_setting('role'),
    current_setting('relvar.member_id', true), current_setting('relvar.api_key_id', true), current_setting('relvar.impersonator_id', true),
    current_setting('relvar.application_id', true));

create or replace function engine.actor_is_known() returns boolean
language sql stable
  return engine.is_trusted_session() and current_setting('relvar.actor_basis', true) = engine.actor_basis();

-- Inside a definer function current_user is the owner, while the setting "role" is still the role
-- that was taken. Checking the member against that role's workspace keeps a member of one
-- workspace from signing records of another.
create or replace function engine.find_actor() returns engine.actor
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
    -- Whoever acts as somebody else is named first; the rights, and what is theirs, are the member's.
    if v_actor.id is not null and nullif(current_setting('relvar.impersonator_id', true), '') is not null then
      v_actor.name := (select coalesce(nullif(u.name, ''), u.email) from core.users u where u.id = current_setting('relvar.impersonator_id')::uuid) || ' as ' || v_actor.name;
    end if;
    if v_actor.id is not null and nullif(current_setting('relvar.application_id', true), '') is not null then
      v_actor.name := (select c.name from core.oauth_clients c where c.id = current_setting('relvar.application_id')::uuid) || ' on behalf of ' || v_actor.name;
    end if;
  else
    select 'member', m.id, m.name into v_actor from core.database_logins l
    join core.members m on m.id = l.member_id
    join metadata.roles r on r.id = m.role_id
    where l.login_role = session_user and l.ended_at is null and l.expires_at > now() and m.is_active
      and current_setting('role') = case when l.may_write then r.pg_role else engine.reading_role(r.pg_role) end;
  end if;
  if v_actor.id is null and v_is_trusted then
    select 'api_key', k.id, k.name into v_actor from core.api_keys k
    where k.id = nullif(current_setting('relvar.api_key_id', true), '')::uuid
      and k.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
  end if;
  if v_actor.id is null and v_is_trusted then
    select 'application', c.id, c.name into v_actor from core.oauth_clients c
    where c.id = nullif(current_setting('relvar.application_id', true), '')::uuid
      and c.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
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

create or replace function engine.current_actor() returns engine.actor
language sql stable
  return case when engine.actor_is_known()
    then (current_setting('relvar.actor_type'), nullif(current_setting('relvar.actor_id'), '')::uuid, current_setting('relvar.actor_name'))::engine.actor
    else engine.find_actor() end;
comment on function engine.current_actor() is 'Who changes a record: a member, an API key, an app, the system, or a database login.';

create or replace function engine.find_member() returns uuid
language sql stable set search_path = ''
  return (select a.id from engine.find_actor() a where a.type = 'member');

create or replace function engine.current_member() returns uuid
language sql stable
  return case when engine.actor_is_known()
    then case when current_setting('relvar.actor_type') = 'member' then current_setting('relvar.actor_id')::uuid end
    else engine.find_member() end;
comment on function engine.current_member() is 'The member on whose behalf the session acts; null for none.';

-- What a person's own login says about itself is not believed here either.
create or replace function engine.current_source() returns text
language sql stable
  return case when not engine.is_trusted_session() then 'PSQL'
    else coalesce(nullif(current_setting('relvar.source', true), ''),
      case when session_user in ('relvar_server', 'relvar_worker') then 'SYSTEM' else 'MANUAL' end) end;

-- Defaults of createdBy and updatedBy.
create or replace function engine.actor_name() returns text
language sql stable
  return case when engine.actor_is_known() then current_setting('relvar.actor_name') else (engine.find_actor()).name end;

-- They say who the caller is, to whoever asks.
grant execute on function engine.is_trusted_session(), engine.actor_basis(), engine.actor_is_known(), engine.find_actor(),
  engine.find_member(), engine.current_actor(), engine.current_member(), engine.current_source(), engine.actor_name() to public;

-- For administrators in psql: take a CRM role and act as a member, until "reset role".
create or replace function engine.become(workspace_slug text, who text) returns text
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
--! Included engine/permissions/scopes.sql
-- What an app may do besides reading and writing records. Scopes take away from the permissions of the role: settings are changed
-- with the scope of that name alone, and who may come in, and as whom, is never changed by an app that was let in. The server
-- says in settings of the transaction that it comes from an app; like the member, they are no choice of the caller's.
create or replace function engine.is_in_scope(flag text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(current_setting('relvar.application_id', true), '') = ''
    or (select case
      when f.kind = 'TOOL' then true
      else f.flag = any ('{WORKSPACE,DATA_MODEL,LAYOUTS,WORKFLOWS,APPLICATIONS,MARKETPLACE_APPS,AI_SETTINGS}')
        and 'settings' = any (string_to_array(current_setting('relvar.scopes', true), ' ')) end
      from engine.permission_flags() f where f.flag = is_in_scope.flag)
$$;
comment on function engine.is_in_scope(text) is 'Whether a permission is among what an app was granted; always, where no app asks.';

create or replace function engine.assert_in_person() returns void
language plpgsql stable set search_path = ''
as $$
begin
  -- A person's own database login may have been made to write, and ends; what it would make here would not.
  if coalesce(current_setting('relvar.application_id', true), '') <> '' or not engine.is_trusted_session() then
    raise exception 'Only people do this, and signed in.' using errcode = '42501', hint = 'Do it yourself, in the settings.';
  end if;
end
$$;
comment on function engine.assert_in_person() is 'Refuses what only a person does, whatever an app or a database login may: keys and apps, which would outlive it.';
grant execute on function engine.is_in_scope(text) to relvar_crm;
--! EndIncluded engine/permissions/scopes.sql
--! Included engine/permissions/flags.sql
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
    ('SECURITY', 'SETTING', 'Security', 'How members sign in, and the audit of who did.'),
    ('API_KEYS_AND_WEBHOOKS', 'SETTING', 'API keys and webhooks', 'Makes and revokes API keys, registers apps and blocks them; keeps webhooks.'),
    ('WORKFLOWS', 'SETTING', 'Workflows', 'Makes, changes and starts workflows.'),
    ('APPLICATIONS', 'SETTING', 'Applications', 'Installs, upgrades and removes applications.'),
    ('MARKETPLACE_APPS', 'SETTING', 'Shared applications', 'Offers applications of this workspace to others.'),
    ('AI_SETTINGS', 'SETTING', 'AI settings', 'Which models are used, and by which agents.'),
    ('IMPERSONATE', 'SETTING', 'Impersonation', 'Works as another member, where the workspace allows it.'),
    ('SSO_BYPASS', 'SETTING', 'Sign-in without SSO', 'Signs in by password although single sign-on is enforced.'),
    ('DATABASE_ACCESS', 'SETTING', 'Database logins', 'Makes logins for psql and BI tools, which see what their member sees.'),
    ('VIEWS', 'TOOL', 'Views', 'Makes and changes the views that all members see.'),
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
--! EndIncluded engine/permissions/flags.sql
--! Included engine/permissions/principals.sql
-- What policies ask once a statement: who the caller is, whom he works with, which records are shared
-- with him. The functions run as the owner and believe the role that was taken and engine.current_member().
-- CRM roles reach them through policies alone, for schema engine is closed to them by name. Those that most
-- lists ask are in PL/pgSQL, which keeps the plans of its queries for the session.

-- Members of the teams that a member is in, he himself always.
create or replace function engine.team_of(member uuid) returns setof uuid
language sql stable set search_path = ''
as $$
  select team_of.member where team_of.member is not null
  union
  select o.member_id from metadata.team_members m join metadata.team_members o on o.team_id = m.team_id where m.member_id = team_of.member
$$;

-- A member, and all members of the teams that he leads and of those beneath them.
create or replace function engine.below(member uuid) returns setof uuid
language sql stable set search_path = ''
as $$
  with recursive team (id) as (
    select m.team_id from metadata.team_members m where m.member_id = below.member and m.is_lead
    union
    select t.id from team u join metadata.teams t on t.parent_team_id = u.id
  )
  select below.member where below.member is not null
  union
  select m.member_id from team t join metadata.team_members m on m.team_id = t.id
$$;

create or replace function engine.my_team() returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member uuid := engine.current_member();
begin
  if v_member is not null then
    return next v_member;
    return query select o.member_id from metadata.team_members m join metadata.team_members o on o.team_id = m.team_id where m.member_id = v_member;
  end if;
end
$$;

create or replace function engine.below_me() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select engine.below(engine.current_member()) $$;

-- Records of an object that are shared with a member or with a role.
create or replace function engine.find_shared_ids(caller name, object_id uuid, access text, member uuid) returns setof uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from metadata.roles r join core.workspaces w on w.id = r.workspace_id where r.pg_role = engine.crm_role(caller));
begin
  if v_schema is null then
    return;
  end if;
  return query execute format($sql$
      select s.record_id from %I.record_shares s
      where s.object_id = $1 and ($2 = 'READ' or s.access = 'WRITE') and (s.expires_at is null or s.expires_at > now()) and (
        s.principal_kind = 'MEMBER' and s.principal_id = $3
        or s.principal_kind = 'TEAM' and s.principal_id = any (array(select m.team_id from metadata.team_members m where m.member_id = $3))
        or s.principal_kind = 'ROLE' and s.principal_id = any (array(select engine.roles_of($4))))
    $sql$, v_schema) using object_id, access, member, caller;
end
$$;

-- Policies of private objects ask this one, which knows of who looks as somebody else (seeing.sql); others the tenant's own.
create or replace function engine.shared_ids(object_id uuid, access text) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
begin
  if engine.seen_by() is not null and exists (select from metadata.objects o where o.id = object_id and o.is_private) then
    return query select engine.find_seen_ids(current_setting('role')::name, object_id);
  else
    return query select engine.find_shared_ids(current_setting('role')::name, object_id, access, engine.current_member());
  end if;
end
$$;

-- With whom records are shared so that the caller has them: himself, his teams, his role and what it includes.
-- The tenant's own shared_ids asks it, which has a query of its own for the tenant's shares.
create or replace function engine.my_principals() returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member uuid := engine.current_member();
begin
  if v_member is not null then
    return next v_member;
    return query select m.team_id from metadata.team_members m where m.member_id = v_member;
  end if;
  return query select engine.roles_of(current_setting('role')::name);
end
$$;

-- Records of the related object that one comparison of a rule is true of.
create or replace function engine.find_rule_ids(rule_id uuid, atom text, member uuid) returns setof uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_rule metadata.record_rules;
  v_schema text;
  v_node jsonb;
  v_rest jsonb;
  v_sides jsonb;
begin
  select r.* into v_rule from metadata.record_rules r where r.id = rule_id;
  select a into v_node from engine.policy_atoms(v_rule.compiled -> 'node') a where engine.policy_atom_key(a) = atom limit 1;
  if v_node is null then
    return;
  end if;
  select w.schema_name into v_schema from core.workspaces w where w.id = v_rule.workspace_id;
  v_sides := engine.policy_sides(v_node);
  v_rest := (v_sides #> '{field,via}') - 0;
  return query execute (
    select format('select r.id from %I.%I r%s where %s', v_schema, o.table_name,
      case when v_rest = '[]' then '' else engine.formula_joins(jsonb_build_object('via', v_rest), v_schema, 'r') end,
      engine.policy_print(engine.policy_comparison(v_node, engine.policy_true_of_nothing(v_sides ->> 'op'),
        case when v_rest = '[]' then 'r' else engine.formula_alias(v_rest) end || '.', member)))
    from metadata.relations rel join metadata.objects o on o.id = rel.target_object_id
    where rel.field_id = (v_sides #>> '{field,via,0}')::uuid and rel.deleted_at is null);
end
$$;

create or replace function engine.rule_ids(rule_id uuid, atom text) returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select i
  from metadata.record_rules r cross join lateral engine.find_rule_ids(r.id, rule_ids.atom, null) i
  where r.id = rule_ids.rule_id and r.role_id in (select engine.roles_of(current_setting('role')::name))
$$;

-- The conditions under which one role reads, changes and deletes records: null for every record. Changing
-- and deleting ask for reading, too. What is shared with a caller opens beside it.
create or replace function engine.record_conditions(role_id uuid, object metadata.objects, prefix text default '', member uuid default null, holder name default null,
  out on_read text, out on_update text, out on_delete text)
language plpgsql stable set search_path = ''
as $$
declare
  v_parts jsonb := '[]';
  v_updates jsonb := '[]';
  v_deletes jsonb := '[]';
  -- Whom records are shared with: the role that includes this one, where it is asked for that.
  v_role name := coalesce(holder, (select r.pg_role from metadata.roles r where r.id = role_id)::name);
  v_tree jsonb;
  r record;
begin
  if (object).is_private then
    v_parts := v_parts || jsonb_build_object('sql', format('(%screated_by_member_id = %s)', prefix, coalesce(engine.literal(member::text) || '::uuid', '( SELECT engine.private_member() AS private_member)')));
  end if;
  for r in
    select u.id, u.action, u.compiled from metadata.record_rules u where u.role_id = record_conditions.role_id and u.object_id = (object).id order by u.action
  loop
    v_tree := engine.policy_tree(r.compiled -> 'node', false, r.id, prefix, member);
    case r.action
      when 'READ' then v_parts := v_parts || v_tree;
      when 'UPDATE' then v_updates := v_updates || v_tree;
      else v_deletes := v_deletes || v_tree;
    end case;
  end loop;
  if (object).is_junction and not exists (select from metadata.object_permissions p where p.role_id = record_conditions.role_id and p.object_id = (object).id) then
    for r in
      select s.side_id, (engine.formula_columns(f, '', prefix))[1] as link
      from engine.junction_sides((object).workspace_id) s
      join metadata.fields f on f.id = s.field_id
      join metadata.objects o on o.id = s.side_id
      where s.object_id = (object).id and (o.is_private or exists (
        select from metadata.record_rules u where u.role_id = record_conditions.role_id and u.object_id = o.id and u.action = 'READ'))
      order by s.field_id
    loop
      v_parts := v_parts || jsonb_build_object('sql', format(case when member is null then '(%s = ANY (ARRAY( SELECT engine.visible_ids(%L::uuid) AS visible_ids)))'
        else '(%s = ANY (ARRAY( SELECT engine.find_visible_ids(%4$L::name, %2$L::uuid, %3$L::uuid))))' end, r.link, r.side_id, member, v_role));
    end loop;
    on_read := case when v_parts <> '[]' then engine.policy_print(engine.policy_joined('and', v_parts)) end;
    on_update := on_read;
    on_delete := on_read;
    return;
  end if;
  on_read := engine.beside_shares(v_parts, object, 'READ', prefix, v_role, member);
  on_update := engine.beside_shares(v_parts || v_updates, object, 'WRITE', prefix, v_role, member);
  on_delete := case when v_parts || v_deletes <> '[]' then engine.policy_print(engine.policy_joined('and', v_parts || v_deletes)) end;
end
$$;

create or replace function engine.beside_shares(parts jsonb, object metadata.objects, access text, prefix text, role name, member uuid) returns text
language plpgsql stable set search_path = ''
as $$
begin
  if parts = '[]' then
    return null;
  end if;
  return engine.policy_print(engine.policy_joined('or', jsonb_build_array(engine.policy_joined('and', parts),
    jsonb_build_object('sql', format('(%sid = ANY (ARRAY%s))', prefix, case when member is null
      then format('( SELECT %I.shared_ids(%L::uuid, %L::text) AS shared_ids)', case when (object).is_private then 'engine' else (select w.schema_name from core.workspaces w where w.id = (object).workspace_id) end, (object).id, access)
      else format('( SELECT engine.find_shared_ids(%L::name, %L::uuid, %L::text, %L::uuid))', role, (object).id, access, member) end)))));
end
$$;

-- For a role with all that it includes: what functions of the owner ask beside their own conditions,
-- where a policy would keep an index from being used. 'true' for every record, 'false' for none.
create or replace function engine.condition_of(caller name, object_id uuid, action text, prefix text default '', member uuid default null) returns text
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_object metadata.objects;
  v_roles text[];
  v_conditions text[];
begin
  if member is null and engine.acts_as_administrator() then
    return 'true';
  end if;
  select o.* into v_object from metadata.objects o where o.id = object_id;
  v_roles := array(select i.pg_role from metadata.roles i where i.id = any (array(select engine.roles_of(caller))));
  v_conditions := array(
    select coalesce(case action when 'READ' then r.on_read when 'UPDATE' then r.on_update else r.on_delete end, 'true')
    from engine.effective_permissions(v_object.workspace_id, array[v_object.id], v_roles) p
    cross join lateral engine.record_conditions(p.role_id, v_object, prefix, member, caller) r
    where case action when 'READ' then p.can_read when 'UPDATE' then p.can_update when 'DESTROY' then p.can_delete and p.can_destroy else p.can_delete end
    order by p.role_id);
  return case when v_conditions = '{}' then 'false' when 'true' = any (v_conditions) then 'true'
    when cardinality(v_conditions) = 1 then v_conditions[1] else '(' || array_to_string(v_conditions, ' OR ') || ')' end;
end
$$;
comment on function engine.condition_of(name, uuid, text, text, uuid) is
  'The records of an object that a role reads, changes or deletes, as a condition over its table; for functions that run as the owner.';

create or replace function engine.find_visible_ids(caller name, object_id uuid, member uuid default null) returns setof uuid
language plpgsql stable set search_path = ''
as $$
begin
  return query execute (
    select format('select t.id from %I.%I t where %s', w.schema_name, o.table_name, engine.condition_of(caller, o.id, 'READ', 't.', member))
    from metadata.objects o join core.workspaces w on w.id = o.workspace_id where o.id = find_visible_ids.object_id);
end
$$;

-- Records that the caller sees of an object whose links he looks at.
create or replace function engine.visible_ids(object_id uuid) returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select engine.find_visible_ids(r.pg_role, o.id)
  from metadata.roles r join metadata.objects o on o.workspace_id = r.workspace_id
  where r.pg_role = engine.crm_role(current_setting('role')) and o.id = visible_ids.object_id
$$;

-- Whether the caller may do something with one record that there is.
create or replace function engine.may_touch(caller name, object_id uuid, record_id uuid, action text) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_found boolean;
begin
  execute (
    select format('select exists (select from %I.%I t where t.id = $1 and %s and %s)', w.schema_name, o.table_name,
      engine.condition_of(caller, o.id, 'READ', 't.'), case action when 'READ' then 'true' else engine.condition_of(caller, o.id, action, 't.') end)
    from metadata.objects o join core.workspaces w on w.id = o.workspace_id where o.id = may_touch.object_id) into v_found using record_id;
  return v_found;
end
$$;

grant execute on function engine.my_team(), engine.below_me(), engine.shared_ids(uuid, text), engine.rule_ids(uuid, text), engine.visible_ids(uuid) to relvar_crm;
grant execute on function engine.my_principals() to relvar_crm, relvar_reader;
--! EndIncluded engine/permissions/principals.sql
--! Included engine/permissions/rights.sql
-- What each role may do with each object and field, derived from metadata. What a role includes is not
-- counted in: PostgreSQL does that, by the membership of one role in another. PostgreSQL takes functions
-- that return rows for long ones, and would rather compile these queries than run them: hence jit = off.

-- The columns of fields, by name alone: what grants and policies are made of.
create or replace function engine.field_columns(workspace_id uuid, scope uuid[] default null)
returns table (object_id uuid, field_id uuid, key text, name text, part text, is_writable boolean, is_id boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with field as materialized (
    select f.id, f.object_id, f.type, f.result_type, f.name, f.revision, engine.snake_case(f.name) as base, f.type = 'UUID' and f.is_system and f.name = 'id' as is_id,
      (not f.is_system or f.name in ('id', 'position')) and f.type not in ('AUTO_NUMBER', 'FORMULA', 'ROLLUP') as is_writable
    from metadata.fields f
    where f.workspace_id = field_columns.workspace_id and (scope is null or f.object_id = any (scope)) and f.is_active and f.deleted_at is null
  )
  select f.object_id, f.id, engine.column_key(f.id, f.revision, c.part), f.base || c.suffix, c.part, f.is_writable, f.is_id
  from field f join engine.field_type_columns c on c.type = case when f.type in ('FORMULA', 'ROLLUP') then f.result_type else f.type end
  union all
  select f.object_id, f.id, engine.column_key(f.id, f.revision, r.id::text),
    case when f.type = 'MORPH_RELATION' then f.base || '_' || engine.snake_case(t.name_singular) else f.base end || '_id', '', f.is_writable, false
  from field f
  join metadata.relations r on r.field_id = f.id and r.deleted_at is null
  join metadata.objects t on t.id = r.target_object_id and t.workspace_id = field_columns.workspace_id
  where f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION');
end
$$;

-- The two objects whose records a junction links.
create or replace function engine.junction_sides(workspace_id uuid)
returns table (object_id uuid, side_id uuid, field_id uuid)
language sql stable set search_path = ''
as $$
  select j.object_id, m.object_id, j.id
  from metadata.fields m
  join metadata.fields j on j.id = m.junction_field_id and j.workspace_id = m.workspace_id
  where m.workspace_id = junction_sides.workspace_id and m.type = 'MANY_TO_MANY' and m.deleted_at is null
$$;

-- Its own defaults, unless object_permissions says else. The rights on links follow those on the two
-- sides: who reads both reads which belong together, who changes one of them links it. is_limited:
-- not every record is the role's to see.
create or replace function engine.effective_permissions(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (role_id uuid, pg_role text, object_id uuid, can_read boolean, can_create boolean, can_update boolean, can_delete boolean, can_destroy boolean,
  field_mode text, is_limited boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with own as materialized (
    select r.id as role_id, r.pg_role, o.id as object_id, o.is_junction and p.id is null as follows_sides,
      a.is_visible and coalesce(p.can_read, r.can_read_all) as can_read, a.is_free and coalesce(p.can_create, r.can_create_all) as can_create,
      a.is_visible and coalesce(p.can_update, r.can_update_all) as can_update, a.is_free and coalesce(p.can_delete, r.can_delete_all) as can_delete,
      a.is_free and coalesce(p.can_destroy, r.can_destroy_all) as can_destroy, coalesce(p.field_mode, 'ALL_EXCEPT') as field_mode,
      o.is_private or u.id is not null as is_limited, a.is_visible,
      -- A junction outlives what happens to its sides for a while: links to an object that is switched off or deleted are read.
      coalesce(p.can_read, r.can_read_all) as reads_links
    from metadata.roles r
    join metadata.objects o on o.workspace_id = r.workspace_id
    -- Members come and go by invitation, whatever the role.
    cross join lateral (select o.is_active and o.deleted_at is null as is_visible,
      o.is_active and o.deleted_at is null and o.universal_identifier is distinct from 'standard:workspaceMember' as is_free) a
    left join metadata.object_permissions p on p.role_id = r.id and p.object_id = o.id
    left join metadata.record_rules u on u.role_id = r.id and u.object_id = o.id and u.action = 'READ'
    where r.workspace_id = effective_permissions.workspace_id and (roles is null or r.pg_role = any (roles))
  ), sides as materialized (
    select s.object_id, o.role_id, bool_and(o.reads_links) as can_read, bool_or(o.can_update) as can_update, bool_or(o.is_limited) as is_limited
    from engine.junction_sides(effective_permissions.workspace_id) s
    join own o on o.object_id = s.side_id
    group by s.object_id, o.role_id
  )
  select o.role_id, o.pg_role, o.object_id,
    case when w.follows_sides then o.is_visible and s.can_read else o.can_read end,
    case when w.follows_sides then w.links else o.can_create end, case when w.follows_sides then w.links else o.can_update end,
    case when w.follows_sides then w.links else o.can_delete end, case when w.follows_sides then w.links else o.can_destroy end,
    o.field_mode, o.is_limited or coalesce(s.is_limited, false)
  from own o
  left join sides s on s.object_id = o.object_id and s.role_id = o.role_id
  -- A junction whose relation to many is gone for good is an object like others.
  cross join lateral (select o.follows_sides and s.object_id is not null as follows_sides, o.is_visible and coalesce(s.can_read and s.can_update, false) as links) w
  where scope is null or o.object_id = any (scope);
end
$$;

-- What a computed field, or a search vector, is made of. is_far: of values of other records.
create or replace function engine.field_readings(workspace_id uuid)
returns table (field_id uuid, source_id uuid, source_object_id uuid, is_far boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  select f.id, s.id, s.object_id, s.object_id <> f.object_id
      -- A relation of an object to itself leads to other records as well.
      or exists (select from metadata.relations r where r.target_object_id = f.object_id
        and r.field_id in (select (v #>> '{}')::uuid from jsonb_path_query(f.compiled, 'strict $.**.via[*]') v))
  from metadata.fields f
  cross join lateral engine.formula_fields(f.compiled) r
  join metadata.fields s on s.id = r
  where f.workspace_id = field_readings.workspace_id and f.type in ('FORMULA', 'ROLLUP') and f.deleted_at is null and f.compiled is not null
  union all
  select v.id, s.id, s.object_id, false
  from metadata.fields v
  join metadata.objects o on o.id = v.object_id and o.workspace_id = v.workspace_id
  join metadata.fields s on s.object_id = v.object_id and s.workspace_id = v.workspace_id and s.deleted_at is null
    and (s.id = o.label_field_id or s.settings ->> 'searchable' = 'true')
  where v.workspace_id = field_readings.workspace_id and v.type = 'TS_VECTOR' and v.deleted_at is null;
end
$$;

-- Fields that a role may not read, or not write, of objects that it may: the exceptions. A computed
-- field shows what it is made of, so it is not read by who may not read that, unless a rule names it.
create or replace function engine.withheld_fields(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (role_id uuid, object_id uuid, field_id uuid, is_read_withheld boolean, is_update_withheld boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with recursive permission as materialized (
    select * from engine.effective_permissions(withheld_fields.workspace_id, null, roles)
  ), reading as materialized (
    select * from engine.field_readings(withheld_fields.workspace_id)
  ), own as materialized (
    -- What the rules say of the fields themselves.
    select p.role_id, f.object_id, f.id as field_id, r.can_read is true as is_named,
      not coalesce(r.can_read, f.is_system or p.field_mode = 'ALL_EXCEPT') as is_read_withheld,
      not coalesce(r.can_update, (f.is_system or p.field_mode = 'ALL_EXCEPT') and coalesce(r.can_read, true)) as is_update_withheld
    from permission p
    join metadata.fields f on f.object_id = p.object_id and f.workspace_id = withheld_fields.workspace_id and f.deleted_at is null
    left join metadata.field_permissions r on r.role_id = p.role_id and r.field_id = f.id
    where (r.id is not null or p.field_mode = 'ONLY')
      -- Without its id a record is nothing.
      and not (f.is_system and f.name = 'id')
  ), hidden (role_id, field_id) as (
    select o.role_id, o.field_id from own o where o.is_read_withheld
    union
    -- Fields of other objects that the role does not read, or not every record of.
    select p.role_id, d.field_id
    from reading d
    join permission p on p.object_id = d.source_object_id
    where d.is_far and (not p.can_read or p.is_limited)
      and not exists (select from own o where o.role_id = p.role_id and o.field_id = d.field_id and o.is_named)
    union
    select h.role_id, d.field_id
    from hidden h join reading d on d.source_id = h.field_id
    where not exists (select from own o where o.role_id = h.role_id and o.field_id = d.field_id and o.is_named)
  )
  select p.role_id, f.object_id, f.id, h.field_id is not null, coalesce(o.is_update_withheld, false)
  from (select h.role_id, h.field_id from hidden h union select o.role_id, o.field_id from own o where o.is_update_withheld) w
  join metadata.fields f on f.id = w.field_id
  join permission p on p.role_id = w.role_id and p.object_id = f.object_id
  left join hidden h on h.role_id = w.role_id and h.field_id = w.field_id
  left join own o on o.role_id = w.role_id and o.field_id = w.field_id
  where scope is null or f.object_id = any (scope);
end
$$;

-- Objects that a role reads, with what it includes.
create or replace function engine.readable_objects(caller name) returns setof uuid
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_roles text[] := array(select i.pg_role from engine.roles_of(caller) c join metadata.roles i on i.id = c);
begin
  return query
  select distinct p.object_id
  from metadata.roles r cross join lateral engine.effective_permissions(r.workspace_id, null, v_roles) p
  where r.pg_role = caller and p.can_read;
end
$$;

-- Of these, objects of which one role shows every record and every field: one that was granted the table as a whole,
-- under a policy that is true of everything.
create or replace function engine.find_wholly_readable(caller name, scope uuid[] default null) returns setof uuid
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_schema text := (select w.schema_name from metadata.roles r join core.workspaces w on w.id = r.workspace_id where r.pg_role = engine.crm_role(caller));
  v_roles oid[] := array(select g.oid from metadata.roles i join pg_catalog.pg_roles g on g.rolname = i.pg_role where i.id = any (array(select engine.roles_of(caller))));
begin
  return query
  select distinct o.id
  from metadata.roles r
  join metadata.objects o on o.workspace_id = r.workspace_id
  join pg_catalog.pg_class c on c.relname = o.table_name and c.relnamespace = to_regnamespace(quote_ident(v_schema))::oid
  join pg_catalog.pg_policy p on p.polrelid = c.oid
  where r.pg_role = engine.crm_role(caller) and (scope is null or o.id = any (scope)) and o.is_active and o.deleted_at is null
    and cardinality(p.polroles) = 1 and p.polroles[1] = any (v_roles) and p.polcmd in ('r', '*')
    and exists (select from pg_catalog.aclexplode(c.relacl) a where a.grantee = p.polroles[1] and a.privilege_type = 'SELECT')
    and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true';
end
$$;

-- The log and the trash hold whole records, so they are shown of these only.
create or replace function engine.wholly_readable_objects(caller name) returns setof uuid
language sql stable security definer set search_path = ''
as $$ select engine.find_wholly_readable(caller) $$;
revoke execute on function engine.readable_objects(name) from public;
grant execute on function engine.readable_objects(name), engine.wholly_readable_objects(name) to relvar_crm;

-- A right on an object by the role or one that it includes; destroying has no privilege of PostgreSQL's. An
-- administrator in psql, who has taken no role, has them all.
create or replace function engine.has_right(caller name, object_id uuid, action text) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(engine.crm_role(caller)::name);
  v_roles text[];
begin
  if engine.acts_as_administrator() then
    return true;
  end if;
  v_roles := array(select i.pg_role from metadata.roles i where i.id = any (array(select engine.roles_of(caller))));
  return coalesce((
    select bool_or(case action when 'READ' then p.can_read when 'CREATE' then p.can_create when 'UPDATE' then p.can_update when 'DELETE' then p.can_delete when 'DESTROY' then p.can_delete and p.can_destroy end)
    from engine.effective_permissions(v_workspace, array[has_right.object_id], v_roles) p), false);
end
$$;
--! EndIncluded engine/permissions/rights.sql
--! Included engine/permissions/security.sql
-- Who may see and do what, as facts: row-level security, policies, grants, roles and their memberships. For
-- some objects, or for some roles: a change of one role's rights looks at nothing else.

create or replace function engine.desired_policies(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (table_key text, table_name text, pg_role text, command text, definition text)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with permission as materialized (
    select p.*, o.table_name, o as limited, p.is_limited or exists (select from metadata.record_rules u where u.role_id = p.role_id and u.object_id = p.object_id) as has_rules
    from engine.effective_permissions(desired_policies.workspace_id, scope, roles) p
    join metadata.objects o on o.id = p.object_id and o.workspace_id = desired_policies.workspace_id
    where p.can_read or p.can_create or p.can_update or p.can_delete
  ), command as (
    -- One policy for who may do everything with every record; the planner folds it away.
    select p.object_id, p.table_name, p.pg_role, '' as command, 'true' as condition
    from permission p where not p.has_rules and p.can_read and p.can_create and p.can_update and p.can_delete
    union all
    -- Else one for each command that is granted: a role that includes this one must not find more open.
    select p.object_id, p.table_name, p.pg_role, c.command, coalesce(c.condition, 'true')
    from permission p
    left join lateral engine.record_conditions(p.role_id, p.limited) r on p.has_rules
    cross join lateral (values ('select', p.can_read, r.on_read), ('insert', p.can_create, case when (p.limited).is_junction then r.on_update end),
      ('update', p.can_update, r.on_update), ('delete', p.can_delete, r.on_delete)) c (command, is_granted, condition)
    where c.is_granted and not (not p.has_rules and p.can_read and p.can_create and p.can_update and p.can_delete)
  )
  select c.object_id::text, c.table_name, c.pg_role, c.command,
    format('for %s to %I', case c.command when '' then 'all' else c.command end, c.pg_role)
      || case when c.command <> 'insert' then format(' using (%s)', c.condition) else '' end
      || case when c.command in ('', 'insert', 'update') then format(' with check (%s)', c.condition) else '' end
  from command c
  union all
  select c.object_id::text, c.table_name, g.reading_role, 'select', format('for select to %I using (%s)', g.reading_role, c.condition)
  from command c join engine.reading_roles(desired_policies.workspace_id, roles) g on g.pg_role = c.pg_role
  where c.command in ('', 'select');
end
$$;

create or replace function engine.desired_grants(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (table_key text, table_name text, pg_role text, definition text)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with permission as materialized (
    select p.*, o.table_name
    from engine.effective_permissions(desired_grants.workspace_id, scope, roles) p
    join metadata.objects o on o.id = p.object_id and o.workspace_id = desired_grants.workspace_id
    where p.can_read or p.can_create or p.can_update or p.can_delete
  ), withheld as materialized (
    select * from engine.withheld_fields(desired_grants.workspace_id, scope, roles)
  ), columns as materialized (
    select c.* from engine.field_columns(desired_grants.workspace_id, scope) c
  ), everything as materialized (
    -- Most roles may write most objects whole, so their lists of columns are put together once.
    select c.object_id,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable) as insertable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable and not c.is_id) as updatable
    from columns c group by c.object_id
  ), partly as materialized (
    select x.role_id, x.object_id, bool_or(x.is_read_withheld) as reads_partly,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where not coalesce(w.is_read_withheld, false)) as readable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable and not coalesce(w.is_update_withheld, false)) as insertable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable and not c.is_id and not coalesce(w.is_update_withheld, false)) as updatable
    from (select w.role_id, w.object_id, bool_or(w.is_read_withheld) as is_read_withheld from withheld w group by 1, 2) x
    join columns c on c.object_id = x.object_id
    left join withheld w on w.role_id = x.role_id and w.field_id = c.field_id
    group by x.role_id, x.object_id
  )
  select p.object_id::text, p.table_name, p.pg_role, concat_ws(', ',
    case when p.can_delete then 'delete' end,
    case when p.can_create then 'insert (' || case when l.role_id is null then e.insertable else l.insertable end || ')' end,
    case when p.can_read then case when l.reads_partly then 'select (' || l.readable || ')' else 'select' end end,
    case when p.can_update then 'update (' || case when l.role_id is null then e.updatable else l.updatable end || ')' end)
  from permission p
  join everything e on e.object_id = p.object_id
  left join partly l on l.role_id = p.role_id and l.object_id = p.object_id
  union all
  select p.object_id::text, p.table_name, g.reading_role, case when l.reads_partly then 'select (' || l.readable || ')' else 'select' end
  from permission p
  join engine.reading_roles(desired_grants.workspace_id, roles) g on g.pg_role = p.pg_role
  left join partly l on l.role_id = p.role_id and l.object_id = p.object_id
  where p.can_read;
end
$$;

-- Null for the roles means all of them, and the owner.
create or replace function engine.desired_security(workspace_id uuid, scope uuid[] default null, roles text[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  with roles_there as materialized (
    select r.pg_role from metadata.roles r where r.workspace_id = desired_security.workspace_id and (roles is null or r.pg_role = any (roles))
    union all
    select g.reading_role from engine.reading_roles(desired_security.workspace_id, roles) g
  ), tables as materialized (
    select o.id::text as table_key, o.table_name
    from metadata.objects o where o.workspace_id = desired_security.workspace_id and (scope is null or o.id = any (scope))
    union all
    select v.key, v.key from (values ('record_events'), ('trash'), ('record_shares')) v (key) where scope is null
  ), policies as (
    select t.table_key, t.table_name, 'relvar_owner' as pg_role, '' as command, 'for all to relvar_owner using (true) with check (true)' as definition
    from tables t where roles is null
    union all
    select * from engine.desired_policies(desired_security.workspace_id, scope, roles)
    union all
    select t.table_key, t.table_name, r.pg_role, 'select',
      format('for select to %I using ((object_id = ANY (ARRAY( SELECT engine.wholly_readable_objects(CURRENT_USER) AS wholly_readable_objects))))', r.pg_role)
    from tables t cross join roles_there r
    where t.table_key in ('record_events', 'trash')
  ), grants as (
    select * from engine.desired_grants(desired_security.workspace_id, scope, roles)
    union all
    select t.table_key, t.table_name, r.pg_role, 'select'
    from tables t cross join roles_there r
    where t.table_key in ('record_events', 'trash')
  )
  select 'rls', t.table_key, t.table_key, t.table_name, null, 'forced', null, null, null::boolean, null, null, null::oid from tables t where roles is null
  union all
  select 'policy', p.table_key || ' ' || p.pg_role || coalesce(':' || nullif(p.command, ''), ''), p.table_key, p.table_name,
    case p.pg_role when 'relvar_owner' then 'owner' else regexp_replace(p.pg_role, '^.*_(ro?_\d+)$', '\1') || coalesce('_' || nullif(p.command, ''), '') end, p.definition,
    null, null, null, null, null, null
  from policies p
  union all
  select 'grant', g.table_key || ' ' || g.pg_role, g.table_key, g.table_name, g.pg_role, g.definition, null, null, null, null, null, null
  from grants g where g.definition <> ''
$$;

-- The roles, and which of them includes which.
create or replace function engine.desired_roles(workspace_id uuid, roles text[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  select 'role', r.pg_role, null, null, r.pg_role, null, null, null, null::boolean, null, null, null::oid
  from metadata.roles r where r.workspace_id = desired_roles.workspace_id and (roles is null or r.pg_role = any (roles))
  union all
  select 'membership', r.pg_role || ' ' || i.pg_role, null, null, i.pg_role, r.pg_role, null, null, null, null, null, null
  from metadata.role_includes u
  join metadata.roles r on r.id = u.role_id
  join metadata.roles i on i.id = u.included_role_id
  where u.workspace_id = desired_roles.workspace_id and (roles is null or r.pg_role = any (roles))
  union all
  select 'role', g.reading_role, null, null, g.reading_role, null, null, null, null, null, null, null
  from engine.reading_roles(desired_roles.workspace_id, roles) g
  union all
  select 'membership', g.reading_role || ' ' || engine.reading_role(i.pg_role), null, null, engine.reading_role(i.pg_role), g.reading_role, null, null, null, null, null, null
  from engine.reading_roles(desired_roles.workspace_id, roles) g
  join metadata.roles r on r.pg_role = g.pg_role
  join metadata.role_includes u on u.role_id = r.id
  join metadata.roles i on i.id = u.included_role_id
$$;

create or replace function engine.actual_roles(schema_name text, roles text[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  with own as materialized (
    select r.oid, r.rolname::text as name from pg_catalog.pg_roles r
    where r.rolname >= schema_name || '_r_' and r.rolname < schema_name || '_r`' or r.rolname >= schema_name || '_ro_' and r.rolname < schema_name || '_ro`'
  )
  select 'role', r.name, null, null, r.name, null, null, null, null::boolean, null, null, r.oid
  from own r where roles is null or engine.crm_role(r.name) = any (roles)
  union all
  select 'membership', r.name || ' ' || i.name, null, null, i.name, r.name, null, null, null, null, null, null
  from own r join pg_catalog.pg_auth_members m on m.member = r.oid join own i on i.oid = m.roleid
  where roles is null or engine.crm_role(r.name) = any (roles)
$$;

-- Policies and grants as they stand. A policy is known by its role and its command, if it has the name that
-- goes with them, and read back: what it says is what PostgreSQL checks.
create or replace function engine.actual_security(tables oid[], roles text[] default null) returns setof engine.fact
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_roles oid[] := array(select r.oid from pg_catalog.pg_roles r where r.rolname = any (roles || array(select engine.reading_role(u) from unnest(roles) u)));
begin
  return query
  with t as materialized (
    select c.oid, c.relname::text as name, c.relowner, c.relacl, engine.identity_of(d.description) as key
    from unnest(tables) as u (oid)
    join pg_catalog.pg_class c on c.oid = u.oid
    left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  )
  select 'policy', t.key || ' ' || coalesce(i.role || coalesce(':' || nullif(i.command, ''), ''), 'unmanaged:' || p.polname), t.key, t.name, p.polname::text,
    case when p.polpermissive and cardinality(p.polroles) = 1 then
      format('for %s to %I', case p.polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end, case p.polroles[1] when 0 then 'public' else pg_catalog.pg_get_userbyid(p.polroles[1]) end)
        || coalesce(' using (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '') || coalesce(' with check (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
      else 'altered' end,
    null, null::text, null::boolean, null::text, null::text, p.oid
  from t
  join pg_catalog.pg_policy p on p.polrelid = t.oid
  left join lateral (
    select r.rolname::text as role, c.command
    from pg_catalog.pg_roles r
    cross join (select case p.polcmd when '*' then '' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end as command) c
    where r.oid = p.polroles[1]
      and p.polname::text = case r.rolname when 'relvar_owner' then 'owner' else regexp_replace(r.rolname::text, '^.*_(ro?_\d+)$', '\1') || coalesce('_' || nullif(c.command, ''), '') end
  ) i on true
  where roles is null or p.polroles && v_roles
  union all
  select 'grant', g.key || ' ' || g.grantee, g.key, g.name, g.grantee, string_agg(g.privilege, ', ' order by g.privilege collate "C"), null, null, null, null, null, null
  from (
    select t.key, t.name, coalesce(r.rolname, 'public')::text as grantee, lower(e.privilege_type) as privilege
    from t cross join lateral pg_catalog.aclexplode(t.relacl) e
    left join pg_catalog.pg_roles r on r.oid = e.grantee
    where t.key is not null and e.grantee <> t.relowner and (roles is null or e.grantee = any (v_roles))
    union all
    select t.key, t.name, coalesce(r.rolname, 'public')::text,
      lower(e.privilege_type) || ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attname collate "C") || ')'
    from t
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attacl is not null and not a.attisdropped
    cross join lateral pg_catalog.aclexplode(a.attacl) e
    left join pg_catalog.pg_roles r on r.oid = e.grantee
    where t.key is not null and e.grantee <> t.relowner and (roles is null or e.grantee = any (v_roles))
    group by 1, 2, 3, e.privilege_type
  ) g
  group by g.key, g.name, g.grantee;
end
$$;

-- The engine keeps an index on each column that a rule finds records by.
create or replace function engine.desired_policy_indexes(workspace_id uuid, scope uuid[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  select 'index', f.object_id || ' policy:' || c.key, f.object_id::text, o.table_name, engine.fit_name(o.table_name || '_' || c.name || '_policy_idx'),
    format('(%I)', c.name), engine.fact_comment('policy:' || c.key, 'policy:' || c.key), null, null::boolean, null, null, null::oid
  from engine.policy_indexes(workspace_id, scope) p
  join metadata.fields f on f.id = p.field_id and f.deleted_at is null and f.is_active
  join metadata.objects o on o.id = f.object_id
  cross join lateral (
    select engine.column_key(f.id, f.revision, t.part) as key, engine.snake_case(f.name) || t.suffix as name
    from engine.field_type_columns t where t.type = coalesce(f.result_type, f.type) and (t.part = p.part or p.part = '')
    order by t.position limit 1
  ) c
$$;
--! EndIncluded engine/permissions/security.sql
--! Included engine/plan.sql
-- The difference between desired and actual, as ordered statements. engine.plan and engine.apply
-- are the only code that issues DDL for tenants.

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

-- Since 16 who makes a role may administer it, and has to give himself the rest.
create or replace function engine.grant_to_owner(pg_role text) returns text
language sql stable strict set search_path = ''
  return format('grant %I to relvar_owner', pg_role) || case when current_setting('server_version_num')::int >= 160000 then ' with inherit true' else '' end;

-- Differences come as a list, so that who has them already need not find them again.
create or replace function engine.steps(v_schema text, differences engine.difference[]) returns setof engine.step
-- Planning it takes longer than running it.
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  -- Who makes a role can have it granted to itself since 16; before that whoever makes roles may grant all.
  v_grants_itself boolean := current_setting('server_version_num')::int >= 160000;
begin
  return query
  with queued as materialized (
    select q.key, q.kind from core.workspaces w join metadata.online_changes q on q.workspace_id = w.id and q.status <> 'DONE' where w.schema_name = v_schema
  ), d as materialized (
    -- What a job will do, or is doing, is no difference any more.
    select u.*, case when u.kind in ('column', 'constraint', 'index') then engine.online_kind(u) end as online_kind, q.kind is not null as is_queued,
      -- A policy holds the columns that it names, so where columns change, too, it goes first and comes last.
      u.kind = 'policy' and u.is_recreated and (u.have).definition <> 'altered' and not exists (select from unnest(differences) c where c.kind = 'column') as is_altered
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
  ), shaken_tables as (
    -- Columns that go, are made anew or change their names take privileges along: what a role has is given anew.
    select (d.have).table_key from d where d.kind = 'column' and (d.is_extra or d.is_recreated or (d.want).name <> (d.have).name)
  ), granted as (
    select d.*, case when d.is_missing then null when w.is_whole then 'all' else c.revoked end as revoked,
      case when d.is_extra then null when w.is_whole then (d.want).definition else c.granted end as granted
    from d
    cross join lateral (select d.is_missing or d.is_extra or (d.want).table_key in (select table_key from shaken_tables) as is_whole) w
    left join lateral engine.grant_change((d.have).definition, (d.want).definition) c on not w.is_whole
    where d.kind = 'grant'
  ), renamed as (
    select * from d
    where d.kind in ('table', 'column', 'constraint', 'index', 'policy') and not d.is_missing and not d.is_extra and not d.is_recreated
      and (d.want).name <> (d.have).name
  ), steps as (
    -- 0. The roles, and the group in which all of them are. A new role brings its members along: for a grant PostgreSQL
    -- finds out first what the owner, who made every role of every workspace, may grant. The server and the worker do not
    -- inherit: they can only become the role. The owner, too, so that administrators can.
    select 0 as phase, 'role' as kind, v_schema as object_name, 'set local createrole_self_grant = ''set''' as statement, null::text as lock_level,
      false as rewrites, 0::bigint as row_estimate, null::text as note
    where v_grants_itself and exists (select from d where d.kind = 'role' and d.is_missing)
    union all
    select 1, 'role', d.key, format('create role %I nologin role relvar_server, relvar_worker%s', d.key, case when not v_grants_itself then ', relvar_owner' end), null, false, 0, null
    from d where d.kind = 'role' and d.is_missing and d.key = engine.crm_role(d.key)
    union all
    select 2, 'schema', v_schema, s.statement, null, false, 0, null
    from (values
      (1, format('create role %I nologin role %s', v_schema, (select string_agg(quote_ident(d.key), ', ' order by d.key) from d where d.kind = 'role' and d.is_missing and d.key = engine.crm_role(d.key)))),
      (2, format('create schema %I', v_schema)),
      (3, format('grant usage on schema %I to %I', v_schema, v_schema))
    ) as s (n, statement)
    where to_regnamespace(quote_ident(v_schema)) is null
    union all
    select 2, 'role', d.key, format('grant %I to %I', v_schema, d.key), null, false, 0, null
    from d where d.kind = 'role' and d.is_missing and d.key = engine.crm_role(d.key) and to_regnamespace(quote_ident(v_schema)) is not null
    union all
    -- The reading side of a role is in no group of those who write.
    select 1, 'role', d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      (1, format('create role %I nologin', d.key)),
      (2, format('grant usage on schema %I to %I', v_schema, d.key)),
      (3, format('grant relvar_reader to %I', d.key))
    ) as s (n, statement)
    where d.kind = 'role' and d.is_missing and d.key <> engine.crm_role(d.key)
    union all
    select 3, 'membership', (d.want).definition, format('grant %I to %I', (d.want).name, (d.want).definition), null, false, 0, null
    from d where d.kind = 'membership' and d.is_missing
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
    where d.kind in ('policy', 'trigger', 'constraint', 'index', 'function') and (d.is_extra or d.is_recreated and not d.is_altered)
      and not (d.is_extra and (d.have).table_key in (select table_key from dropped_tables) and d.kind not in ('constraint', 'function'))
      and not (d.kind = 'function' and d.is_recreated)
    union all
    select 19, 'column', d.old_table, format('alter table %I.%I alter column %I drop expression', v_schema, d.old_table, (d.have).name), 'AccessExclusive', false, d.row_estimate,
      'A trigger keeps it from now on, so that the table need not be rewritten.'
    from d where d.kind = 'column' and (d.want).definition = 'kept' and (d.have).definition = 'stored'
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
    where not exists (select from d t where t.kind = 'table' and t.is_missing and t.key = (d.want).table_key) and d.online_kind is distinct from 'NUMBER'
    union all
    select 42, 'column', d.new_table, s.statement, s.lock_level, false, d.row_estimate, s.note
    from added d cross join lateral engine.numbering_statements(v_schema, d.new_table, d.want) s
    where d.online_kind = 'NUMBER'
    union all
    select 43, 'column', d.new_table, format('alter table %I.%I alter column %I %s', v_schema, d.new_table, (d.want).name, a.action), 'AccessExclusive', a.rewrites, d.row_estimate, a.note
    from d cross join lateral (values
      (1, case when (d.want).pg_type <> (d.have).pg_type and (d.have).default_expr is not null then 'drop default' end, false, null),
      (2, case when (d.want).pg_type <> (d.have).pg_type then format('type %s using %I::%1$s', (d.want).pg_type, (d.want).name) end, true, 'Each value is converted.'),
      (3, case when (d.want).default_expr ~ '^identity ' or (d.have).default_expr ~ '^identity ' then
          case when (d.want).default_expr is not distinct from (d.have).default_expr or d.online_kind = 'NUMBER' then null
            -- What has been counted is not counted again.
            when (d.want).default_expr ~ '^identity ' and (d.have).default_expr ~ '^identity ' then format('set minvalue %s set start with %s', least(substr((d.want).default_expr, 10)::bigint, 1), substr((d.want).default_expr, 10))
              || case when substr((d.want).default_expr, 10)::bigint > coalesce(pg_catalog.pg_sequence_last_value(pg_catalog.pg_get_serial_sequence(format('%I.%I', v_schema, d.old_table), (d.have).name)::regclass), 0)
                then ' restart with ' || substr((d.want).default_expr, 10) else '' end
            when (d.want).default_expr ~ '^identity ' then 'add generated by default as ' || engine.identity_clause((d.want).default_expr) else 'drop identity' end
        when (d.want).default_expr is not null and ((d.want).default_expr is distinct from (d.have).default_expr or (d.want).pg_type <> (d.have).pg_type)
          then 'set default ' || (d.want).default_expr
        when (d.want).default_expr is null and (d.have).default_expr is not null and (d.want).pg_type = (d.have).pg_type then 'drop default' end, false, null),
      (4, case when (d.want).not_null and not (d.have).not_null then case when not d.is_queued and d.online_kind is distinct from 'NUMBER' then 'set not null' end when (d.have).not_null and not (d.want).not_null then 'drop not null' end, false, null)
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
    select 61, d.kind, d.new_table, case when d.is_altered then format('alter policy %I on %I.%I %s', (d.want).name, v_schema, d.new_table, regexp_replace((d.want).definition, '^for \w+ ', ''))
      else format('create policy %I on %I.%I %s', (d.want).name, v_schema, d.new_table, (d.want).definition) end, 'AccessExclusive', false, 0, null
    from d where d.kind = 'policy' and (d.is_missing or d.is_recreated)
    union all
    select 62, d.kind, d.new_table, format('create trigger %I ', (d.want).name) || format((d.want).definition, format('%I.%I', v_schema, d.new_table)), 'ShareRowExclusive', false, 0, null
    from d where d.kind = 'trigger' and (d.is_missing or d.is_recreated)
    union all
    select 63, d.kind, coalesce(d.new_table, (d.have).table_name), format('revoke %s on %I.%I from %s', d.revoked, v_schema, coalesce(d.new_table, (d.have).table_name),
      case when (d.have).name = 'public' then 'public' else quote_ident((d.have).name) end), null, false, 0, null
    from granted d
    where d.revoked is not null and (d.have).table_key not in (select table_key from dropped_tables)
    union all
    select 64, d.kind, d.new_table, format('grant %s on %I.%I to %I', d.granted, v_schema, d.new_table, (d.want).name), null, false, 0, null
    from granted d
    where d.granted is not null
    union all
    -- Triggers and policies, which come after them, call them.
    select 57, d.kind, d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      ((d.want).definition), (case when (d.want).table_key is null then format('grant execute on function %I.%I to %I', v_schema, d.key, v_schema) end)) as s (statement)
    where d.kind = 'function' and (d.is_missing or d.is_recreated)
    union all
    select 71, 'function', f, format('grant execute on function %I.%I to %I', v_schema, f, g.reading_role), null, false, 0, null
    from core.workspaces w
    cross join lateral engine.reading_roles(w.id) g
    cross join unnest(engine.reading_functions()) f
    where w.schema_name = v_schema
      and exists (select from d where d.is_missing and (d.kind = 'role' and d.key = g.reading_role or d.kind = 'function' and d.key = f))
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
    select 88, 'membership', (d.have).definition, format('revoke %I from %I', (d.have).name, (d.have).definition), null, false, 0, null
    from d where d.kind = 'membership' and d.is_extra
    union all
    select 90, 'role', d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      -- What a login made as the role, such as a large object, would hold it.
      (1, engine.grant_to_owner(d.key)),
      (2, format('drop owned by %I', d.key)),
      (3, format('drop role %I', d.key))
    ) as s (n, statement)
    where d.kind = 'role' and d.is_extra
  )
  select row_number() over (order by s.phase, s.ord)::int, s.kind, s.object_name, s.statement, s.lock_level, s.rewrites, s.row_estimate,
    -- What would hold a large table for long is left to a job.
    s.row_estimate > (select e.online_rows from engine.settings e) and (s.statement ~ '^(create( unique)? index concurrently |alter table .* validate constraint )' or s.kind = 'fill'
      or s.kind = 'column' and (s.statement like '%% set not null' and s.phase = 43 or s.statement ~ '^create sequence ')), s.note
  from (select steps.*, row_number() over () as ord from steps) s
  where s.statement is not null;
end
$$;

-- What differs in some objects, and in the rights of some roles on all others.
create or replace function engine.differences(workspace_id uuid, schema_name text, scope uuid[], roles text[]) returns engine.difference[]
language plpgsql stable set search_path = ''
as $$
begin
  if scope is null or roles = '{}' then
    return array(select d from engine.difference(workspace_id, schema_name, scope) d);
  elsif scope = '{}' then
    return array(select d from engine.security_difference(workspace_id, schema_name, roles) d);
  end if;
  return array(
    select d from engine.difference(workspace_id, schema_name, scope) d
    union all
    select d from engine.security_difference(workspace_id, schema_name, roles, engine.linked_scope(workspace_id, scope)) d);
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
--! Included engine/pending.sql
-- Metadata that changed is reconciled once, at the end of the transaction: ten inserts are one
-- reconciliation, and metadata and tables commit together or not at all.

-- Changes of one workspace's model follow one another; other workspaces are not held up.
create or replace function engine.lock_model(workspace_id uuid) returns void
language plpgsql volatile set search_path = '' set lock_timeout = '5s'
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
exception when lock_not_available or deadlock_detected then
  raise exception 'Somebody else is changing the data model of this workspace.'
    using errcode = 'RV021', hint = 'Their transaction has been open for a while. Try again in a moment.';
end
$$;

-- The version rises once a transaction, so that a mutation can return it before the commit.
-- `objects` are those that were touched, null for all; `roles` those whose rights were.
create or replace function engine.note_change(workspace_id uuid, objects uuid[], roles text[] default '{}') returns bigint
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_version bigint;
  v_actor engine.actor;
begin
  perform engine.lock_model(workspace_id);
  update engine.pending p set objects = case when p.objects is null or note_change.objects is null then null
    else array(select distinct u from unnest(p.objects || note_change.objects) u) end,
    roles = array(select distinct u from unnest(p.roles || note_change.roles) u)
  where p.workspace_id = note_change.workspace_id;
  if found then
    select w.model_version into v_version from core.workspaces w where w.id = note_change.workspace_id;
    return v_version;
  end if;
  insert into engine.pending (workspace_id, objects, roles) values (note_change.workspace_id, note_change.objects, note_change.roles);
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
  v_is_right boolean := tg_table_name in ('roles', 'role_includes', 'object_permissions', 'field_permissions', 'record_rules');
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
      coalesce(array_agg(distinct c.object_id) filter (where c.object_id is not null and not v_is_right), '{}') as objects,
      -- Rights concern their role; one that is gone was noted itself.
      case when v_is_right then array(select ro.pg_role from metadata.roles ro where ro.id = any (array_agg((coalesce(c.row -> 'after', c.row -> 'before') ->> 'role_id')::uuid))
        union select coalesce(u -> 'after', u -> 'before') ->> 'pg_role' from unnest(array_agg(c.row)) u where tg_table_name = 'roles'
        -- What is included gets a reading side where the role has one.
        union select i.pg_role from unnest(array_agg(c.row)) u cross join lateral engine.role_closure((coalesce(u -> 'after', u -> 'before') ->> 'included_role_id')::uuid) k
          join metadata.roles i on i.id = k where tg_table_name = 'role_includes') else '{}' end as roles
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
          when 'roles' then null
          when 'role_includes' then null
          else (v.value ->> 'object_id')::uuid end as object_id
      from unnest(v_rows) u (row)
      cross join lateral (select coalesce(u.row -> 'after', u.row -> 'before') as value) v
    ) c
    join core.workspaces w on w.id = c.workspace_id
    group by c.workspace_id
  loop
    v_version := engine.note_change(r.workspace_id, r.objects, r.roles);
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
  foreach v_table in array array['objects', 'fields', 'relations', 'rules', 'indexes', 'views', 'view_fields', 'aliases', 'roles', 'role_includes', 'object_permissions', 'field_permissions', 'record_rules'] loop
    execute format('create or replace trigger _900_changed_insert after insert on metadata.%I referencing new table as new_rows for each statement execute function engine.tg_metadata__changed()', v_table);
    execute format('create or replace trigger _900_changed_update after update on metadata.%I referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_metadata__changed()', v_table);
    execute format('create or replace trigger _900_changed_delete after delete on metadata.%I referencing old table as old_rows for each statement execute function engine.tg_metadata__changed()', v_table);
  end loop;
end
$$;

-- At once, for who cannot wait until the transaction ends.
create or replace function engine.apply_pending(workspace_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_objects uuid[];
  v_roles text[];
begin
  delete from engine.pending p where p.workspace_id = apply_pending.workspace_id returning p.objects, p.roles into v_objects, v_roles;
  if found then
    perform engine.apply(workspace_id, v_objects, v_roles);
  end if;
end
$$;

create or replace function engine.tg_pending__apply() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Nothing is left when it was reconciled earlier in this transaction, as creating a workspace does.
  perform engine.apply_pending(new.workspace_id);
  return null;
end
$$;
drop trigger if exists apply on engine.pending;
create constraint trigger apply after insert on engine.pending
  deferrable initially deferred for each row execute function engine.tg_pending__apply();
--! EndIncluded engine/pending.sql
--! Included engine/lint.sql
-- The shapes that a policy may have: comparisons of a column with a constant or with what a function
-- says once a statement, joined by AND and OR. Each is taken for T, and then what joins Ts.
create or replace function engine.is_cheap_policy(expr text) returns boolean
language plpgsql immutable set search_path = ''
as $$
declare
  v_rest text := regexp_replace(expr, '''(?:[^'']|'''')*''', 'L', 'g');
  v_before text;
begin
  v_rest := regexp_replace(v_rest, '\("?[\w ]+"? (?:=|<>|<|<=|>|>=) (?:L::[\w ]+|true|false|\( SELECT [\w.]+\([^()]*\) AS \w+\))\)', 'T', 'g');
  v_rest := regexp_replace(v_rest, '\("?[\w ]+"? (?:= ANY|<> ALL) \((?:L::[\w ]+\[\]|ARRAY\( SELECT [\w.]+\([^()]*\) AS \w+\))\)\)', 'T', 'g');
  v_rest := regexp_replace(v_rest, '\("?[\w ]+"? IS (?:NOT )?NULL\)', 'T', 'g');
  v_rest := regexp_replace(v_rest, '\m(true|false)\M', 'T', 'g');
  loop
    v_before := v_rest;
    v_rest := regexp_replace(v_rest, '\(T(?: AND T)+\)|\(T(?: OR T)+\)', 'T', 'g');
    exit when v_rest = v_before;
  end loop;
  return v_rest = 'T';
end
$$;

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
    and not (n.nspname = 'engine' and p.proname in ('workspace_of_role', 'find_actor'))
  union all
  select 'policy_shape', 'A tenant policy in a shape that is slow or unknown', format('%s on %s', p.polname, p.polrelid::regclass),
    'Let the engine write policies: true, column = (select f()), column = any (array(select f())), comparisons with constants, and these joined by and, or.'
  from tenants t
  join pg_catalog.pg_class c on c.relnamespace = t.oid
  join pg_catalog.pg_policy p on p.polrelid = c.oid
  cross join lateral (values (pg_catalog.pg_get_expr(p.polqual, p.polrelid)), (pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))) as e (expr)
  where e.expr is not null and not engine.is_cheap_policy(e.expr)
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
  select 'reader_may_write', 'A function that database logins for reading may call and that may write', p.oid::regprocedure::text,
    format('revoke execute on function %s from relvar_reader; or, if it only reads, alter function %1$s stable;', p.oid::regprocedure)
  from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
  cross join lateral pg_catalog.aclexplode(p.proacl) a
  where p.provolatile = 'v' and (a.grantee = to_regrole('relvar_reader') or a.grantee in (select r.oid from pg_catalog.pg_roles r where r.rolname ~ '^ws_[a-z0-9]+_ro_\d+$'))
  union all
  -- Schemas and tables that nobody reaches but the server, the worker and, of metadata, CRM roles.
  select 'closed_schema_open', 'A schema of the engine that somebody else may use', format('%s: %s to %s', n.nspname, a.privilege_type, coalesce(g.rolname, 'public')),
    format('revoke %s on schema %I from %s;', a.privilege_type, n.nspname, coalesce(quote_ident(g.rolname), 'public'))
  from ours n join pg_catalog.pg_namespace s on s.oid = n.oid cross join lateral pg_catalog.aclexplode(s.nspacl) a left join pg_catalog.pg_roles g on g.oid = a.grantee
  where n.nspname in ('core', 'metadata', 'engine') and a.grantee <> s.nspowner
    and (a.privilege_type <> 'USAGE' or a.is_grantable or coalesce(g.rolname, '') <> all (case n.nspname when 'metadata' then '{relvar_crm,relvar_reader}'::text[] else '{relvar_server,relvar_worker}' end))
  union all
  select 'closed_table_open', 'A table of the engine that somebody may use without its functions', format('%s: %s to %s', c.oid::regclass, a.privilege_type, coalesce(g.rolname, 'public')),
    format('revoke %s on %s from %s;', a.privilege_type, c.oid::regclass, coalesce(quote_ident(g.rolname), 'public'))
  from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
  cross join lateral (select c.relacl as acl union all select t.attacl from pg_catalog.pg_attribute t where t.attrelid = c.oid and t.attacl is not null) x
  cross join lateral pg_catalog.aclexplode(x.acl) a left join pg_catalog.pg_roles g on g.oid = a.grantee
  where n.nspname in ('core', 'engine') and a.grantee <> c.relowner or n.nspname = 'metadata' and a.grantee = 0
  union all
  select 'bypass_rls', 'A role of Relvar that bypasses row-level security', r.rolname, format('alter role %I nosuperuser nobypassrls;', r.rolname)
  from pg_catalog.pg_roles r where r.rolname like 'relvar\_%' and (r.rolbypassrls or r.rolsuper)
$$;
comment on function engine.lint() is 'Findings about the catalogue: what breaks a rule of the design, and the cure. No rows when all is well.';

-- Compares rights with metadata, which takes as long as a plan: by itself, for one workspace or all.
create or replace function engine.lint_rights(workspace_id uuid default null) returns table (lint text, title text, detail text, remedy text)
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  w core.workspaces;
begin
  for w in select x.* from core.workspaces x where lint_rights.workspace_id is null or x.id = lint_rights.workspace_id loop
    return query
    with have as (
      select h.kind, h.key, h.definition
      from engine.actual_security(array(
        select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = w.schema_name and c.relkind in ('r', 'p'))) h
      where h.key is not null
      union all
      select h.kind, h.key, h.definition from engine.actual_roles(w.schema_name) h
      -- A person's own login has the role of its member, and no other.
      union all
      select 'login', l.rolname || ' ' || r.rolname, null
      from pg_catalog.pg_roles r
      join pg_catalog.pg_auth_members a on a.roleid = r.oid
      join pg_catalog.pg_roles l on l.oid = a.member
      where (r.rolname >= w.schema_name || '_r_' and r.rolname < w.schema_name || '_r`' or r.rolname >= w.schema_name || '_ro_' and r.rolname < w.schema_name || '_ro`')
        and l.rolname not in ('relvar_owner', 'relvar_server', 'relvar_worker') and l.rolname !~ '_ro?_[0-9]+$' and not l.rolsuper
    ), want as (
      select d.kind, d.key, d.definition from engine.desired_security(w.id) d
      union all
      select d.kind, d.key, d.definition from engine.desired_roles(w.id) d
      union all
      select 'login', l.login_role || ' ' || case when l.may_write then r.pg_role else engine.reading_role(r.pg_role) end, null
      from core.database_logins l join core.members m on m.id = l.member_id join metadata.roles r on r.id = m.role_id
      where l.workspace_id = w.id and l.ended_at is null
    )
    select 'right_beyond_model', 'A right that the model does not give', format('%s %s: %s', e.kind, e.key, coalesce(e.definition, '')),
      case e.kind when 'login' then format('revoke %s;', replace(e.key, ' ', ' from ')) else format('select engine.apply(%L);', w.id) end
    from (select * from have except select * from want) e
    union all
    select 'right_beyond_model', 'A right that the model does not give', s.detail, s.remedy from engine.stray_rights(w) s;
  end loop;
end
$$;
comment on function engine.lint_rights(uuid) is 'Rights, policies and memberships of the roles of a workspace, or of all, that metadata does not give. No rows when all is well.';
--! EndIncluded engine/lint.sql
--! Included core/database_logins.sql
-- Logins of members for psql and BI tools. A row says what should be; these functions make the role of
-- PostgreSQL so. A login inherits nothing and may take one role: the member's, or its reading side.

create or replace function core.login_sessions(login_role text) returns setof int
language sql stable set search_path = ''
as $$ select a.pid from pg_catalog.pg_stat_activity a where a.usename = login_role and a.pid <> pg_catalog.pg_backend_pid() $$;

-- A session keeps a role that it has taken, whatever is revoked meanwhile. So what is open ends now, and once
-- more when this is committed: until then a new one would get what the former had.
create or replace function core.end_login_sessions(login_role text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  perform pg_catalog.pg_terminate_backend(s) from core.login_sessions(login_role) s;
  update core.database_logins l set is_stale = true where l.login_role = end_login_sessions.login_role;
  perform graphile_worker.add_job('database_logins__tidy', job_key => 'database_logins__tidy');
end
$$;

create or replace function core.login_memberships(login_role text) returns setof text
language sql stable set search_path = ''
as $$
  select g.rolname::text
  from pg_catalog.pg_roles l
  join pg_catalog.pg_auth_members a on a.member = l.oid
  join pg_catalog.pg_roles g on g.oid = a.roleid
  where l.rolname = login_role
$$;

-- The role that a login may take.
create or replace function core.role_of_login(login core.database_logins) returns text
language sql stable set search_path = ''
as $$
  select case when (login).may_write then r.pg_role else engine.reading_role(r.pg_role) end
  from core.members m join metadata.roles r on r.id = m.role_id where m.id = (login).member_id
$$;

-- Binds a login to the role that its member has now.
create or replace function core.bind_database_login(login core.database_logins) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_role text := core.role_of_login(login);
  v_schema text := (select w.schema_name from core.workspaces w where w.id = (login).workspace_id);
  v_database text := current_database();
  v_other text;
begin
  -- The reading side is made with its grants and policies by the engine, as all rights are.
  if to_regrole(quote_ident(v_role)) is null then
    perform engine.apply((login).workspace_id, '{}', array(select r.pg_role from engine.roles_of(v_role) c join metadata.roles r on r.id = c));
  end if;
  for v_other in select g from core.login_memberships((login).login_role) g where g <> v_role loop
    execute format('revoke %I from %I', v_other, (login).login_role);
  end loop;
  execute format('grant %I to %I', v_role, (login).login_role);
  execute format('alter role %I in database %I set search_path = %I, public', (login).login_role, v_database, v_schema);
end
$$;

-- What a login finds when it comes in. It may change these for itself: they are for its comfort, and the
-- rights are in its role.
create or replace function core.make_database_login(login core.database_logins, password text) returns void
language plpgsql volatile set search_path = '' set password_encryption = 'scram-sha-256'
as $$
declare
  v_database text := current_database();
begin
  execute format('create role %I login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 5 password %L valid until %L',
    (login).login_role, password, (login).expires_at);
  execute engine.grant_to_owner((login).login_role);
  execute format('alter role %I in database %I set statement_timeout = %L', (login).login_role, v_database, '60s');
  execute format('alter role %I in database %I set idle_in_transaction_session_timeout = %L', (login).login_role, v_database, '5min');
  if not (login).may_write then
    execute format('alter role %I in database %I set default_transaction_read_only = on', (login).login_role, v_database);
  end if;
  perform core.bind_database_login(login);
  perform core.end_login_sessions((login).login_role);
end
$$;

-- Ends a login for good. The role itself goes when nobody is connected as it.
create or replace function core.end_database_login(login core.database_logins, reason text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_other text;
begin
  update core.database_logins l set ended_at = now() where l.id = (login).id and l.ended_at is null;
  if not found then
    return;
  end if;
  if to_regrole(quote_ident((login).login_role)) is not null then
    execute format('alter role %I nologin', (login).login_role);
    for v_other in select g from core.login_memberships((login).login_role) g loop
      execute format('revoke %I from %I', v_other, (login).login_role);
    end loop;
  end if;
  perform core.end_login_sessions((login).login_role);
  perform core.note_auth_event('DATABASE_LOGIN_ENDED', (login).workspace_id, (select m.user_id from core.members m where m.id = (login).member_id),
    detail => jsonb_build_object('login', (login).login_role, 'reason', reason, 'by', engine.actor_name()));
end
$$;

create or replace function core.drop_database_login(login core.database_logins) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if to_regrole(quote_ident((login).login_role)) is not null then
    execute format('drop owned by %I', (login).login_role);
    execute format('drop role %I', (login).login_role);
  end if;
  delete from core.database_logins l where l.id = (login).id;
end
$$;

-- Run by a job each minute and after each change: what has expired ends, and so do sessions of before.
create or replace function core.tidy_database_logins() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_login core.database_logins;
  v_count int := 0;
begin
  perform core.end_database_login(l, 'EXPIRED') from core.database_logins l where l.ended_at is null and l.expires_at <= now();
  for v_login in select * from core.database_logins l where l.is_stale or l.ended_at is not null for update skip locked loop
    perform pg_catalog.pg_terminate_backend(s, 1000) from core.login_sessions(v_login.login_role) s;
    update core.database_logins l set is_stale = false where l.id = v_login.id;
    if v_login.ended_at is not null and not exists (select from core.login_sessions(v_login.login_role)) then
      perform core.drop_database_login(v_login);
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end
$$;
comment on function core.tidy_database_logins() is 'Ends logins that have expired and sessions that have another role than their member; drops logins that ended. Returns how many.';
grant execute on function core.tidy_database_logins() to relvar_worker;

-- Which role a login takes when it comes in cannot be said by a function that runs with the rights of another
-- (PostgreSQL lets none of these speak of "role"); so the job says it, having become the owner.
create or replace function core.set_login_roles() returns void
language plpgsql volatile set search_path = '' set client_min_messages = warning
as $$
declare
  v_login core.database_logins;
  v_database text := current_database();
begin
  for v_login in select * from core.database_logins l where l.is_stale and l.ended_at is null loop
    execute format('alter role %I in database %I set role = %L', v_login.login_role, v_database, core.role_of_login(v_login));
  end loop;
end
$$;
comment on function core.set_login_roles() is 'Has logins that were made, or whose member has another role, take their role when they connect. For the owner and administrators.';

-- A login follows its member, and ends with the membership.
create or replace function core.tg_members__follow_logins() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_login core.database_logins;
begin
  for v_login in select * from core.database_logins l where l.member_id = old.id and l.ended_at is null loop
    if tg_op = 'DELETE' then
      perform core.end_database_login(v_login, 'MEMBER_REMOVED');
    elsif not new.is_active then
      perform core.end_database_login(v_login, 'MEMBER_DEACTIVATED');
    elsif new.role_id <> old.role_id then
      perform core.bind_database_login(v_login), core.end_login_sessions(v_login.login_role);
    end if;
  end loop;
  return case tg_op when 'DELETE' then old else new end;
end
$$;
create or replace trigger _400_follow_logins after update of role_id, is_active on core.members for each row execute function core.tg_members__follow_logins();
create or replace trigger _400_end_logins before delete on core.members for each row execute function core.tg_members__follow_logins();

create or replace function core.tg_users__end_logins() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform core.end_database_login(l, 'USER_DISABLED')
  from core.database_logins l join core.members m on m.id = l.member_id where m.user_id = new.id and l.ended_at is null;
  return null;
end
$$;
create or replace trigger _400_end_logins after update of disabled_at on core.users for each row
  when (new.disabled_at is not null and old.disabled_at is null) execute function core.tg_users__end_logins();
--! EndIncluded core/database_logins.sql
--! Included core/workspaces.sql
-- Creating a workspace is a difference from nothing: rows of metadata, one reconciliation.

create or replace function engine.create_workspace(slug text, name text, owner_email text, owner_name text default null, owner_password_hash text default null) returns uuid
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
  perform engine.add_system_roles(v_id, v_schema);
  if not exists (select from engine.standard_manifest) then
    raise exception 'The standard objects are not loaded.' using errcode = 'RV042', hint = 'Run the migrations again; they load them.';
  end if;
  perform metadata.sync_application(v_id, m.manifest) from engine.standard_manifest m;
  -- Members come and go by invitation, not by creating or deleting a record.
  insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete, can_destroy)
  select v_id, r.id, o.id, true, false, r.has_all_permissions, false, false
  from metadata.roles r join metadata.objects o on o.workspace_id = r.workspace_id
  where r.workspace_id = v_id and o.universal_identifier = 'standard:workspaceMember';
  perform engine.apply(v_id);
  delete from engine.pending p where p.workspace_id = v_id;
  perform core.add_member(create_workspace.slug, owner_email, coalesce(owner_name, split_part(owner_email, '@', 1)), 'Admin', owner_password_hash);
  return v_id;
end
$$;
comment on function engine.create_workspace(text, text, text, text, text) is
  'Creates a workspace with the standard objects, the roles Admin, Member and Read-only, and its owner. password hash: argon2id, or null for a user who has one or gets one later.';

-- The roles that every workspace has: Admin, Member, which new members get, and Read-only.
create or replace function engine.add_system_roles(workspace_id uuid, schema_name text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  insert into metadata.roles (workspace_id, name, description, icon, pg_role, is_system, has_all_permissions, permissions, can_create_all, can_update_all, can_delete_all, can_destroy_all) values
    (add_system_roles.workspace_id, 'Admin', 'May do everything, including changing the data model.', 'IconShieldStar', schema_name || '_r_1', true, true, '{}', true, true, true, true),
    (add_system_roles.workspace_id, 'Member', 'May read and change all records.', 'IconUser', schema_name || '_r_2', true, false, engine.member_permissions(), true, true, true, true),
    (add_system_roles.workspace_id, 'Read-only', 'May read all records and change none.', 'IconEye', schema_name || '_r_3', true, false, '{DOWNLOAD_FILE,EXPORT_CSV,PROFILE_INFORMATION}', false, false, false, false);
  insert into core.workspace_settings (workspace_id, default_role_id)
  select r.workspace_id, r.id from metadata.roles r where r.workspace_id = add_system_roles.workspace_id and r.name = 'Member';
end
$$;

create or replace function engine.member_permissions() returns text[]
language sql immutable parallel safe
  return '{AI,CONNECTED_ACCOUNTS,DOWNLOAD_FILE,EXPORT_CSV,IMPORT_CSV,PROFILE_INFORMATION,SEND_EMAIL_TOOL,UPLOAD_FILE,VIEWS}'::text[];

create or replace function engine.base36(n bigint) returns text
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

create or replace function engine.drop_workspace(slug text) returns void
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
  perform core.drop_database_login(l) from core.database_logins l where l.workspace_id = v_workspace.id;
  for v_role in
    select r.rolname from pg_catalog.pg_roles r
    where (r.rolname >= v_workspace.schema_name || '_r_' and r.rolname < v_workspace.schema_name || '_r`')
      or (r.rolname >= v_workspace.schema_name || '_ro_' and r.rolname < v_workspace.schema_name || '_ro`') or r.rolname = v_workspace.schema_name
    order by length(r.rolname) desc
  loop
    -- What a login made as the role, such as a large object, would hold it.
    execute engine.grant_to_owner(v_role);
    execute format('drop owned by %I', v_role);
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

-- Which workspace an address names, for its sign-in page.
create or replace function core.workspace_at(slug text) returns table (id uuid, name text)
language sql stable security definer set search_path = ''
as $$ select w.id, w.name from core.workspaces w where w.slug = workspace_at.slug $$;
grant execute on function core.workspace_at(text) to relvar_server;
--! EndIncluded core/workspaces.sql
--! Included metadata/database_access.sql
-- Database logins, as members ask for them: for themselves where their role has the permission, and for others
-- where they keep the roles. Who is told the password of a login acts as its member; so nobody gets one of
-- somebody else's who could not do as much anyway.

create or replace function engine.assert_may_log_in(member core.members) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if engine.acts_as_administrator() then
    return;
  end if;
  perform engine.assert_manages((member).workspace_id, 'DATABASE_ACCESS');
  perform engine.assert_in_person();
  if coalesce(nullif(current_setting('relvar.impersonator_id', true), ''), nullif(current_setting('relvar.api_key_id', true), '')) is not null then
    raise exception 'Database logins are made by members themselves, signed in.' using errcode = '42501', hint = 'Use the settings of the workspace.';
  end if;
  if (member).id is distinct from engine.current_member() and not engine.may('ROLES') then
    raise exception 'Your role makes database logins for yourself only.' using errcode = '42501', column = 'member_id', hint = 'Who keeps the roles makes them for others.';
  end if;
end
$$;

create or replace function engine.own_database_login(id uuid) returns core.database_logins
language plpgsql stable set search_path = ''
as $$
declare
  v_login core.database_logins;
begin
  select * into v_login from core.database_logins l
  where l.id = own_database_login.id and l.ended_at is null and (engine.acts_as_administrator() or l.workspace_id = engine.workspace_of_role(current_setting('role')::name));
  if not found then
    raise exception 'There is no such database login.' using errcode = 'RV150', hint = 'It may have ended meanwhile.';
  end if;
  return v_login;
end
$$;

create or replace function engine.describe_database_login(login core.database_logins) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', (login).id, 'login', (login).login_role, 'name', (login).name, 'memberId', (login).member_id, 'memberName', m.name,
    'mayWrite', (login).may_write, 'expiresAt', (login).expires_at, 'createdAt', (login).created_at, 'createdByName', (login).created_by_name,
    'isMine', m.id is not distinct from engine.current_member())
  from core.members m where m.id = (login).member_id
$$;

-- Two random UUIDs are 244 random bits. PostgreSQL does not count wrong passwords, so none that people choose is good enough.
create or replace function engine.database_password(given text) returns text
language plpgsql volatile set search_path = ''
as $$
begin
  if given is not null and length(given) < 20 then
    raise exception 'The password of a database login needs at least 20 characters.' using errcode = 'RV152', column = 'password',
      hint = 'Leave it out, and one is made. PostgreSQL does not slow down who tries many.';
  end if;
  return coalesce(given, rtrim(translate(encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'), '+/', '-_'), '='));
end
$$;

create or replace function engine.database_address(login core.database_logins, password text) returns jsonb
language sql stable set search_path = ''
  return engine.describe_database_login(login) || jsonb_build_object('password', password, 'database', current_database(), 'port', current_setting('port')::int);

create or replace function metadata.grant_database_access(member_id uuid default null, may_write boolean default false, expires_at timestamptz default null, name text default '', password text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member core.members;
  v_login core.database_logins;
  v_password text;
  v_workspace core.workspaces;
begin
  select * into v_member from core.members m
  where m.id = coalesce(grant_database_access.member_id, engine.current_member()) and (engine.acts_as_administrator() or m.workspace_id = engine.workspace_of_role(current_setting('role')::name));
  if not found or not v_member.is_active then
    raise exception 'The workspace has no such active member.' using errcode = 'RV063', column = 'member_id', hint = 'The member may have been removed meanwhile.';
  end if;
  perform engine.assert_may_log_in(v_member);
  if coalesce(grant_database_access.expires_at, now() + interval '90 days') not between now() and now() + interval '367 days' then
    raise exception 'A database login ends within a year.' using errcode = 'RV151', column = 'expires_at', hint = 'Choose a later day, at most a year from now. It can be renewed.';
  end if;
  if (select count(*) >= 10 from core.database_logins l where l.member_id = v_member.id and l.ended_at is null) then
    raise exception 'A member has at most 10 database logins.' using errcode = 'RV153', column = 'member_id', hint = 'Revoke one that is not used any more.';
  end if;
  v_password := engine.database_password(grant_database_access.password);
  select * into v_workspace from core.workspaces w where w.id = v_member.workspace_id;
  insert into core.database_logins (workspace_id, member_id, login_role, name, may_write, expires_at, created_by_name)
  values (v_workspace.id, v_member.id,
    -- For people to tell apart in pg_stat_activity; roles belong to the whole cluster, so chance keeps them apart.
    left(lower('rv_' || regexp_replace(v_workspace.slug || '_' || v_member.name, '[^A-Za-z0-9]+', '_', 'g')), 50) || '_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 8),
    left(btrim(coalesce(grant_database_access.name, '')), 100), coalesce(grant_database_access.may_write, false),
    coalesce(grant_database_access.expires_at, now() + interval '90 days'), (engine.current_actor()).name)
  returning * into v_login;
  perform core.make_database_login(v_login, v_password);
  perform core.note_auth_event('DATABASE_LOGIN_CREATED', v_workspace.id, v_member.user_id,
    detail => jsonb_build_object('login', v_login.login_role, 'mayWrite', v_login.may_write, 'expiresAt', v_login.expires_at, 'by', engine.actor_name()));
  perform core.queue_mail(u.email, 'database_access', jsonb_build_object('login', v_login.login_role, 'by', engine.actor_name(), 'mayWrite', v_login.may_write,
    'expiresAt', v_login.expires_at), v_workspace.id, u.locale)
  from core.users u where u.id = v_member.user_id and v_member.id is distinct from engine.current_member() and core.is_email(u.email);
  return engine.database_address(v_login, v_password);
end
$$;
comment on function metadata.grant_database_access(uuid, boolean, timestamptz, text, text) is
  'Makes a database login that sees what a member sees (the caller, unless another is named): {id, login, password, database, port, expiresAt, …}. It only reads unless mayWrite, and ends after 90 days unless said otherwise. The password is told only now.';

create or replace function metadata.rotate_database_access(id uuid, password text default null) returns jsonb
language plpgsql volatile security definer set search_path = '' set password_encryption = 'scram-sha-256'
as $$
declare
  v_login core.database_logins := engine.own_database_login(id);
  v_password text;
begin
  perform engine.assert_may_log_in(m) from core.members m where m.id = v_login.member_id;
  v_password := engine.database_password(rotate_database_access.password);
  execute format('alter role %I password %L', v_login.login_role, v_password);
  perform core.end_login_sessions(v_login.login_role);
  perform core.note_auth_event('DATABASE_LOGIN_ROTATED', v_login.workspace_id, (select m.user_id from core.members m where m.id = v_login.member_id),
    detail => jsonb_build_object('login', v_login.login_role, 'by', engine.actor_name()));
  return engine.database_address(v_login, v_password);
end
$$;
comment on function metadata.rotate_database_access(uuid, text) is 'Gives a database login a new password, told only now, and ends its sessions.';

create or replace function metadata.database_access() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(engine.describe_database_login(l) order by m.name, l.created_at), '[]')
  from core.database_logins l join core.members m on m.id = l.member_id
  where l.ended_at is null and case when engine.acts_as_administrator() then true
    else l.workspace_id = engine.workspace_of_role(current_setting('role')::name) and (l.member_id = engine.current_member() or engine.may('DATABASE_ACCESS') or engine.may('ROLES')) end
$$;
comment on function metadata.database_access() is
  'Database logins: the caller''s own, and for who may make them all of the workspace: [{id, login, name, memberId, memberName, mayWrite, expiresAt, createdAt, createdByName, isMine}].';

create or replace function metadata.revoke_database_access(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_login core.database_logins := engine.own_database_login(id);
begin
  if v_login.member_id is distinct from engine.current_member() then
    perform engine.assert_manages(v_login.workspace_id, 'DATABASE_ACCESS');
  end if;
  perform core.end_database_login(v_login, 'REVOKED');
  return true;
end
$$;
comment on function metadata.revoke_database_access(uuid) is 'Ends a database login and its sessions. One''s own, or with the permission anybody''s.';

revoke execute on function metadata.grant_database_access(uuid, boolean, timestamptz, text, text), metadata.rotate_database_access(uuid, text), metadata.database_access(),
  metadata.revoke_database_access(uuid) from public;
grant execute on function metadata.grant_database_access(uuid, boolean, timestamptz, text, text), metadata.rotate_database_access(uuid, text), metadata.database_access(),
  metadata.revoke_database_access(uuid) to relvar_crm;
--! EndIncluded metadata/database_access.sql
--! Included metadata/keys.sql
-- Keys of programs. Whoever may manage keys makes them with a role of their own; every member makes personal ones, which
-- act as the member. The secret is told once, by the function that makes it; what is kept is its hash.

-- The roles of requests are of one workspace each; an administrator in psql takes one first.
create or replace function engine.own_workspace() returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
begin
  if v_workspace is null then
    raise exception 'This is asked in a workspace.' using errcode = '42501', hint = 'In psql: select engine.become(''workspace'', ''member@example.com'').';
  end if;
  return v_workspace;
end
$$;
comment on function engine.own_workspace() is 'The workspace of the role that was taken; refuses where none was.';

create or replace function engine.make_key(role_id uuid, member_id uuid, name text, expires_at timestamptz, rate_limit int) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  -- Two random UUIDs are 244 random bits.
  v_secret text := case when member_id is null then 'rv_' else 'rvp_' end
    || rtrim(translate(encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'), '+/', '-_'), '=');
  v_id uuid;
begin
  -- A key would outlive the hour in which somebody acts as the member.
  if nullif(current_setting('relvar.impersonator_id', true), '') is not null then
    raise exception 'Keys are made by members themselves.' using errcode = '42501', hint = 'Return to yourself first.';
  end if;
  if btrim(coalesce(name, '')) = '' or length(name) > 100 then
    raise exception 'A key needs a name.' using errcode = 'RV120', column = 'name', hint = 'Say what it is for, in at most 100 letters.';
  end if;
  if expires_at <= now() then
    raise exception 'The key would have expired already.' using errcode = 'RV121', column = 'expiresAt', hint = 'Choose a later day, or none.';
  end if;
  insert into core.api_keys (workspace_id, role_id, member_id, name, prefix, token_hash, expires_at, rate_limit, created_by_name)
  values (v_workspace, make_key.role_id, make_key.member_id, btrim(name), left(v_secret, 8), sha256(v_secret::bytea), make_key.expires_at, make_key.rate_limit,
    (engine.current_actor()).name)
  returning id into v_id;
  perform core.note_auth_event('KEY_CREATED', v_workspace,
    (select m.user_id from core.members m where m.id = engine.current_member()), detail => jsonb_build_object('key', btrim(name), 'isPersonal', member_id is not null));
  return jsonb_build_object('id', v_id, 'secret', v_secret);
end
$$;
comment on function engine.make_key(uuid, uuid, text, timestamptz, int) is 'What makes keys of both kinds.';
revoke execute on function engine.make_key(uuid, uuid, text, timestamptz, int) from public;

create or replace function metadata.create_api_key(name text, role_id uuid, expires_at timestamptz default null, rate_limit int default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  if not exists (select from metadata.roles r where r.id = create_api_key.role_id and r.workspace_id = engine.own_workspace()) then
    raise exception 'The workspace has no such role.' using errcode = 'RV044', column = 'role', hint = 'Choose one of the roles of the workspace.';
  end if;
  -- Nobody makes a key that may do more than they may themselves, unless they could give themselves the role as well.
  if not engine.acts_as_administrator() and not engine.may('ROLES') and role_id not in (select engine.roles_of(current_setting('role')::name)) then
    raise exception 'Your role cannot give this role, which may do what yours may not.' using errcode = '42501', column = 'role', hint = 'Ask somebody who keeps the roles.';
  end if;
  if rate_limit not between 1 and 1000000 then
    raise exception 'A key may make 1 to 1,000,000 requests a minute.' using errcode = 'RV122', column = 'rateLimit', hint = 'Leave it empty for 600.';
  end if;
  return engine.make_key(role_id, null, name, expires_at, rate_limit);
end
$$;
comment on function metadata.create_api_key(text, uuid, timestamptz, int) is
  'Makes an API key with a role: {id, secret}. The secret is told only now. rateLimit: requests a minute, 600 unless given.';

create or replace function metadata.create_personal_token(name text, expires_at timestamptz default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member uuid := engine.current_member();
begin
  -- A token would outlive what made it.
  perform engine.assert_in_person();
  if v_member is null or nullif(current_setting('relvar.impersonator_id', true), '') is not null then
    raise exception 'Only members themselves make personal tokens.' using errcode = '42501';
  end if;
  return engine.make_key(null, v_member, name, expires_at, null);
end
$$;
comment on function metadata.create_personal_token(text, timestamptz) is
  'Makes a personal access token, which acts as the calling member: {id, secret}. The secret is told only now.';

create or replace function engine.describe_key(k core.api_keys) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', k.id, 'name', k.name, 'prefix', k.prefix, 'role', (select r.name from metadata.roles r where r.id = k.role_id),
    'memberName', (select m.name from core.members m where m.id = k.member_id), 'createdAt', k.created_at, 'createdByName', k.created_by_name,
    'expiresAt', k.expires_at, 'lastUsedAt', k.last_used_at, 'rateLimit', coalesce(k.rate_limit, 600))
$$;
comment on function engine.describe_key(core.api_keys) is 'A key as the screen shows it.';
revoke execute on function engine.describe_key(core.api_keys) from public;

create or replace function metadata.api_keys() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  return (select coalesce(jsonb_agg(engine.describe_key(k) order by k.created_at desc), '[]') from core.api_keys k
    where k.workspace_id = engine.own_workspace() and k.revoked_at is null);
end
$$;
comment on function metadata.api_keys() is
  'The keys of the workspace that were not revoked, personal ones of members too: [{id, name, prefix, role, memberName, createdAt, createdByName, expiresAt, lastUsedAt, rateLimit}].';

create or replace function metadata.personal_tokens() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(engine.describe_key(k) order by k.created_at desc), '[]') from core.api_keys k
  where k.member_id = engine.person() and k.revoked_at is null
$$;
comment on function metadata.personal_tokens() is 'The personal access tokens of the calling member that were not revoked.';

create or replace function metadata.revoke_key(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key core.api_keys;
begin
  perform engine.assert_in_person();
  select * into v_key from core.api_keys k
  where k.id = revoke_key.id and k.workspace_id = engine.own_workspace() and k.revoked_at is null for update;
  -- A member's own; all others are for those who may manage keys.
  if v_key.member_id is null or v_key.member_id is distinct from engine.current_member() then
    perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  end if;
  if v_key.id is null then
    return false;
  end if;
  update core.api_keys k set revoked_at = now() where k.id = v_key.id;
  perform core.note_auth_event('KEY_REVOKED', v_key.workspace_id,
    (select m.user_id from core.members m where m.id = engine.current_member()), detail => jsonb_build_object('key', v_key.name));
  perform pg_notify('relvar_identity', json_build_object('workspace', v_key.workspace_id)::text);
  return true;
end
$$;
comment on function metadata.revoke_key(uuid) is 'Ends an API key or a personal access token, on all servers within a moment. False when there is none such.';

create or replace function metadata.sign_in_events(max_results int default 100, before_id uuid default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'SECURITY');
  return (select coalesce(jsonb_agg(to_jsonb(e) order by e.id desc), '[]') from (
    select e.id, e.kind, e.email, host(e.ip) as ip, e.user_agent as "userAgent", e.happened_at as "happenedAt", e.detail,
      (select m.name from core.members m where m.workspace_id = engine.own_workspace() and m.user_id = e.user_id) as "memberName"
    from core.auth_events e
    -- What failed before it was known for which workspace concerns those of which the account is a member.
    where (e.workspace_id = engine.own_workspace()
        or e.workspace_id is null and e.user_id in (select m.user_id from core.members m where m.workspace_id = engine.own_workspace()))
      and (before_id is null or e.id < before_id)
    order by e.id desc limit least(greatest(max_results, 1), 500)) e);
end
$$;
comment on function metadata.sign_in_events(int, uuid) is
  'The audit of sign-ins of the workspace, newest first: [{id, kind, email, memberName, ip, userAgent, happenedAt, detail}]. beforeId: the last id of the page before.';

revoke execute on function engine.own_workspace(), metadata.create_api_key(text, uuid, timestamptz, int), metadata.create_personal_token(text, timestamptz), metadata.api_keys(),
  metadata.personal_tokens(), metadata.revoke_key(uuid), metadata.sign_in_events(int, uuid) from public;
grant execute on function metadata.create_api_key(text, uuid, timestamptz, int), metadata.create_personal_token(text, timestamptz), metadata.api_keys(),
  metadata.personal_tokens(), metadata.revoke_key(uuid), metadata.sign_in_events(int, uuid) to relvar_crm;
--! EndIncluded metadata/keys.sql

-- Second factors by role and what comes with them, after the functions that they are asked by.
drop function core.second_factor_of(uuid, uuid), core.is_trusted_device(uuid, bytea), core.has_session_mfa(uuid), core.password_of(uuid);
--! Included core/attempts.sql
-- Counting what may happen only so often: passwords tried, mails sent, requests of a key. In the database, so that
-- several servers count together; unlogged, so that counting costs no disk write, and a crash forgets it.

create or replace function core.count_attempt(key text, max int, period interval) returns boolean
language sql volatile security definer set search_path = ''
as $$
  insert into core.attempts as a (key, window_start, window_end, count)
  values (count_attempt.key, clock_timestamp(), clock_timestamp() + period, 1)
  on conflict (key) do update set
    window_start = case when a.window_end > clock_timestamp() then a.window_start else excluded.window_start end,
    window_end = case when a.window_end > clock_timestamp() then a.window_end else excluded.window_end end,
    count = case when a.window_end > clock_timestamp() then a.count + 1 else 1 end
  returning count <= count_attempt.max
$$;
comment on function core.count_attempt(text, int, interval) is
  'Counts an attempt and says whether it is among the first "max" within the period, which begins with the first attempt.';

create or replace function core.attempt_wait(key text) returns int
language sql volatile security definer set search_path = ''
as $$
  select greatest(ceil(extract(epoch from a.window_end - clock_timestamp())), 1)::int from core.attempts a where a.key = attempt_wait.key
$$;
comment on function core.attempt_wait(text) is 'The seconds until attempts are counted from the beginning again.';

create or replace function core.uncount_attempt(key text) returns void
language sql volatile security definer set search_path = ''
as $$ update core.attempts a set count = a.count - 1 where a.key = uncount_attempt.key and a.count > 0 $$;
comment on function core.uncount_attempt(text) is 'Takes an attempt back that turned out to be a success.';

create or replace function core.attempt_count(key text) returns int
language sql volatile security definer set search_path = ''
as $$ select coalesce((select a.count from core.attempts a where a.key = attempt_count.key and a.window_end > clock_timestamp()), 0) $$;
comment on function core.attempt_count(text) is 'How many attempts were counted within the period that goes on.';

create or replace function core.forget_attempts() returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.attempts a where a.window_end < now() $$;
comment on function core.forget_attempts() is 'Deletes the counts of periods that are over. Called from time to time by the server.';

create or replace function core.take_requests(key text, wanted int, max int, period interval)
returns table (granted int, remaining int, seconds double precision)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_count int;
  v_granted int;
  v_end timestamptz;
begin
  insert into core.attempts as a (key, window_start, window_end, count)
  values (take_requests.key, clock_timestamp(), clock_timestamp() + take_requests.period, 0)
  on conflict (key) do update set
    window_start = case when a.window_end > clock_timestamp() then a.window_start else excluded.window_start end,
    window_end = case when a.window_end > clock_timestamp() then a.window_end else excluded.window_end end,
    count = case when a.window_end > clock_timestamp() then a.count else 0 end
  returning a.count, a.window_end into v_count, v_end;
  v_granted := greatest(least(take_requests.wanted, take_requests.max - v_count), 0);
  update core.attempts a set count = a.count + v_granted where a.key = take_requests.key;
  return query select v_granted, greatest(take_requests.max - v_count - v_granted, 0),
    greatest(extract(epoch from v_end - clock_timestamp())::double precision, 0.001);
end
$$;
comment on function core.take_requests(text, int, int, interval) is
  'Takes a part of what is allowed within the period: as much as is wanted and left, what is left then, and the seconds until the next period.';

grant execute on function core.count_attempt(text, int, interval), core.attempt_wait(text), core.uncount_attempt(text), core.attempt_count(text), core.forget_attempts(),
  core.take_requests(text, int, int, interval)
  to relvar_server, relvar_worker;
--! EndIncluded core/attempts.sql
--! Included metadata/role_rights.sql
-- Roles, what they include, and what they may do: judged when they are written.

-- Who has a role keeps it: it goes on being meant for whom it was given to.
create or replace function engine.assert_unassigned(role metadata.roles, assignable_to text[]) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_holder text := case
    when 'MEMBERS' = any (assignable_to) then null
    when (role).id = core.default_role((role).workspace_id) then 'It is what new members get'
    else (select format('The member %s has it', m.name) from core.members m where m.role_id = (role).id order by m.name limit 1) end;
begin
  if v_holder is null and not 'API_KEYS' = any (assignable_to) then
    v_holder := (select format('The API key "%s" has it', k.name) from core.api_keys k where k.role_id = (role).id and k.revoked_at is null order by k.name limit 1);
  end if;
  if v_holder is not null then
    raise exception 'The role "%" stays meant for whom it was given to. %.', (role).name, v_holder using errcode = 'RV097', column = 'assignable_to', hint = 'Give them another role first.';
  end if;
end
$$;

create or replace function engine.tg_roles__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_unknown text;
  v_schema text;
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, engine.workspace_of_role(current_setting('role')::name));
  select f into v_unknown from unnest(new.permissions) f where f not in (select k.flag from engine.permission_flags() k) limit 1;
  if found then
    raise exception 'There is no permission "%".', v_unknown using errcode = 'RV090', column = 'permissions',
      hint = engine.did_you_mean(v_unknown, array(select k.flag from engine.permission_flags() k));
  end if;
  new.permissions := array(select distinct f from unnest(new.permissions) f order by f);
  if tg_op = 'INSERT' then
    if new.pg_role is null then
      select w.schema_name into v_schema from core.workspaces w where w.id = new.workspace_id;
      -- A number is given once, also where its role is about to go.
      new.pg_role := v_schema || '_r_' || (1 + greatest(
        (select coalesce(max(substring(r.pg_role from '_r_([0-9]+)$')::int), 0) from metadata.roles r where r.workspace_id = new.workspace_id),
        (select coalesce(max(substring(r.rolname::text from '_r_([0-9]+)$')::int), 0) from pg_catalog.pg_roles r
          where r.rolname >= v_schema || '_r_' and r.rolname < v_schema || '_r`')));
    end if;
  elsif old.is_system and old.has_all_permissions and (to_jsonb(new) - '{name,description,icon,requires_second_factor}'::text[]) is distinct from (to_jsonb(old) - '{name,description,icon,requires_second_factor}'::text[]) then
    raise exception 'The role "%" may do everything, so that somebody always can.', old.name using errcode = 'RV093', column = 'permissions',
      hint = 'Make another role with fewer rights, and give that to members.';
  end if;
  if tg_op = 'UPDATE' and not old.assignable_to <@ new.assignable_to then
    perform engine.assert_unassigned(old, new.assignable_to);
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.roles for each row execute function engine.tg_roles__validate();

-- Members of a role that goes get the default role. Keys of it would be able to do something else
-- then, or nothing: somebody decides about them first.
create or replace function engine.tg_roles__vacate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_default uuid := core.default_role(old.workspace_id);
begin
  if not engine.workspace_exists(old.workspace_id) then
    return old;
  end if;
  if old.is_system then
    raise exception 'The role "%" is part of the product and cannot be deleted.', old.name using errcode = 'RV007', column = 'id';
  end if;
  if old.id = v_default then
    raise exception 'The role "%" is what new members get.', old.name using errcode = 'RV094', column = 'id', hint = 'Choose another default role first.';
  end if;
  update core.members m set role_id = v_default where m.role_id = old.id;
  perform engine.assert_role_unheld(old);
  return old;
end
$$;
create or replace trigger _050_vacate before delete on metadata.roles for each row execute function engine.tg_roles__vacate();

-- What a role is assigned to it must be meant for.
create or replace function engine.tg_assigned__judge() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_role metadata.roles;
begin
  select r.* into v_role from metadata.roles r where r.id = new.role_id;
  if not tg_argv[0] = any (v_role.assignable_to) then
    raise exception 'The role "%" is not meant for %.', v_role.name, lower(replace(tg_argv[0], '_', ' ')) using errcode = 'RV097', column = 'role_id',
      hint = 'Choose another role, or change what this one can be assigned to.';
  end if;
  return new;
end
$$;
create or replace trigger _100_judge_role before insert or update of role_id on core.members for each row execute function engine.tg_assigned__judge('MEMBERS');
create or replace trigger _100_judge_role before insert or update of role_id on core.api_keys for each row execute function engine.tg_assigned__judge('API_KEYS');

create or replace function engine.tg_role_includes__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select r.workspace_id from metadata.roles r where r.id = new.role_id));
  if new.role_id in (select engine.role_closure(new.included_role_id)) then
    raise exception 'The role "%" would include itself.', (select r.name from metadata.roles r where r.id = new.role_id) using errcode = 'RV091', column = 'included_role_id',
      hint = 'What a role includes must not include that role again.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.role_includes for each row execute function engine.tg_role_includes__validate();

-- The object and the role of a right are of one workspace: the keys see to that.
create or replace function engine.tg_object_permissions__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select r.workspace_id from metadata.roles r where r.id = new.role_id));
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.object_permissions for each row execute function engine.tg_object_permissions__validate();

-- Rules that would narrow what somebody who may do everything sees would be rules for nobody.
create or replace function engine.assert_not_admin(role_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if exists (select from metadata.roles r where r.id = role_id and r.is_system and r.has_all_permissions) then
    raise exception 'The role "%" may do everything, so that somebody always can.', (select r.name from metadata.roles r where r.id = role_id) using errcode = 'RV093', column = 'role_id',
      hint = 'Make another role with fewer rights, and give that to members.';
  end if;
end
$$;

create or replace function engine.tg_field_permissions__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields;
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select r.workspace_id from metadata.roles r where r.id = new.role_id));
  perform engine.assert_not_admin(new.role_id);
  select f.* into v_field from metadata.fields f where f.id = new.field_id;
  new.object_id := v_field.object_id;
  if v_field.is_system and v_field.name = 'id' then
    raise exception 'Without its id no record can be read.' using errcode = 'RV095', column = 'field_id', hint = 'Take away the right to read the object, or choose other fields.';
  end if;
  if v_field.type = 'MANY_TO_MANY' then
    raise exception 'The field "%" has no values of its own.', v_field.label using errcode = 'RV095', column = 'field_id',
      hint = 'Who reads both objects sees which of their records belong together.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.field_permissions for each row execute function engine.tg_field_permissions__validate();

create or replace function engine.tg_record_rules__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select r.workspace_id from metadata.roles r where r.id = new.role_id));
  perform engine.assert_not_admin(new.role_id);
  if exists (select from metadata.objects o where o.id = new.object_id and o.is_junction) then
    raise exception 'Links have no rules: who sees both records sees the link.' using errcode = 'RV095', column = 'object_id', hint = 'Write rules for the two objects.';
  end if;
  new.name := coalesce(nullif(new.name, ''), (select concat_ws(' ', new.action, o.name_singular) from metadata.objects o where o.id = new.object_id));
  if tg_op = 'INSERT' or new.compiled is null or new.condition is distinct from old.condition or new.object_id <> old.object_id then
    new.compiled := engine.formula_compile(new.object_id, new.condition, 'RULE');
  end if;
  -- Its names may be others by now.
  new.condition := engine.formula_text(new.compiled);
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.record_rules for each row execute function engine.tg_record_rules__validate();

-- Rules follow the names of what they read, and are judged again when it becomes something else.
create or replace function engine.tg_fields__follow_rules() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_message text;
  v_state text;
  r record;
begin
  for r in
    select u.id, u.condition, o.label_plural, ro.name as role_name from metadata.record_rules u
    join metadata.objects o on o.id = u.object_id
    join metadata.roles ro on ro.id = u.role_id
    where u.workspace_id = new.workspace_id and new.id in (select engine.formula_fields(u.compiled))
  loop
    begin
      update metadata.record_rules u set condition = engine.formula_text(u.compiled),
        compiled = case when (new.type, new.options, new.settings) is distinct from (old.type, old.options, old.settings) then null else u.compiled end
      where u.id = r.id;
    exception when others then
      get stacked diagnostics v_message = message_text, v_state = returned_sqlstate;
      if v_state not like 'RV%' then
        raise;
      end if;
      raise exception 'A rule of the role "%" for % does not allow this change of "%": %', r.role_name, r.label_plural, new.label, v_message
        using errcode = 'RV058', column = 'type', hint = 'Change that rule first.';
    end;
  end loop;
  return null;
end
$$;
create or replace trigger _400_follow_rules after update on metadata.fields for each row
  when (new.deleted_at is null and (new.name is distinct from old.name or new.type is distinct from old.type
    or new.options is distinct from old.options or new.settings is distinct from old.settings))
  execute function engine.tg_fields__follow_rules();

create or replace function metadata.set_default_role(role_id uuid) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_role metadata.roles;
begin
  select r.* into v_role from metadata.roles r where r.id = set_default_role.role_id;
  perform engine.assert_manages(v_role.workspace_id, 'ROLES');
  if not 'MEMBERS' = any (v_role.assignable_to) then
    raise exception 'The role "%" is not meant for members.', v_role.name using errcode = 'RV097', column = 'role_id', hint = 'Choose another role, or change what this one can be assigned to.';
  end if;
  update core.workspace_settings s set default_role_id = v_role.id where s.workspace_id = v_role.workspace_id;
  return v_role.id;
end
$$;
comment on function metadata.set_default_role(uuid) is 'Chooses the role that new members get, and members of a role that is deleted.';

create or replace function metadata.default_role_id() returns uuid
language plpgsql stable security definer set search_path = ''
as $$
begin
  return core.default_role(engine.workspace_of_role(current_setting('role')::name));
end
$$;
comment on function metadata.default_role_id() is 'The role that new members get.';

-- A role whose members work with their own records: those that they made, or that name them.
create or replace function metadata.create_own_records_role(name text default 'Own records only') returns metadata.roles
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
  v_role metadata.roles;
begin
  perform engine.assert_manages(v_workspace, 'ROLES');
  -- Nothing by default, so that an object that is made later is not open to them by itself.
  insert into metadata.roles (workspace_id, name, description, permissions, can_read_all, can_create_all, can_update_all, can_delete_all, can_destroy_all)
  values (v_workspace, coalesce(create_own_records_role.name, 'Own records only'), 'Sees, changes and deletes the records that a member made, or that name the member.',
    '{VIEWS,UPLOAD_FILE,DOWNLOAD_FILE,CONNECTED_ACCOUNTS,PROFILE_INFORMATION}', false, false, false, false, false)
  returning * into v_role;
  insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete, can_destroy)
  select v_workspace, v_role.id, o.id, true, not o.is_system, not o.is_system, not o.is_system, false
  from metadata.objects o
  where o.workspace_id = v_workspace and o.deleted_at is null and o.is_active and not o.is_junction and (not o.is_system or o.universal_identifier = 'standard:workspaceMember');
  insert into metadata.record_rules (workspace_id, role_id, object_id, action, condition)
  select v_workspace, v_role.id, o.id, 'READ', concat_ws(' or ', 'createdBy.memberId = currentMember()', (
    select string_agg(f.name || ' = currentMember()', ' or ' order by f.position, f.name)
    from metadata.fields f join metadata.relations r on r.field_id = f.id and r.deleted_at is null
    join metadata.objects t on t.id = r.target_object_id and t.universal_identifier = 'standard:workspaceMember'
    where f.object_id = o.id and f.type in ('RELATION', 'MEMBER') and f.deleted_at is null and f.is_active))
  from metadata.objects o
  where o.workspace_id = v_workspace and o.deleted_at is null and o.is_active and not o.is_junction and not o.is_system;
  return v_role;
end
$$;
comment on function metadata.create_own_records_role(text) is 'Makes a role whose members see and change the records that they made, or that name them, of each object there is.';

grant execute on function metadata.set_default_role(uuid), metadata.default_role_id(),
  metadata.create_own_records_role(text) to relvar_crm;
--! EndIncluded metadata/role_rights.sql
--! Included core/second_factor.sql
-- The second factor: one-time passwords by time (RFC 6238). The server computes them, since the secret is sealed with a
-- key that the database does not have; what may be used once is decided here, by one statement each.

-- Asked of all members of the workspace, or of the member's role, which asks what the roles that it includes ask.
create or replace function core.is_second_factor_wanted(user_id uuid, workspace_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select coalesce((select w.is_mfa_enforced from core.workspace_settings w where w.workspace_id = is_second_factor_wanted.workspace_id), false)
    or exists (
      select from core.members m cross join lateral engine.role_closure(m.role_id) c join metadata.roles r on r.id = c
      where m.user_id = is_second_factor_wanted.user_id and m.workspace_id = is_second_factor_wanted.workspace_id and r.requires_second_factor)
$$;

create or replace function core.second_factor_of(user_id uuid, workspace_id uuid default null)
returns table (secret text, is_confirmed boolean, passkeys int, codes_left int, is_enforced boolean, trusted_device_days int)
language sql stable security definer set search_path = ''
as $$
  select t.secret, t.confirmed_at is not null,
    (select count(*)::int from core.passkeys p where p.user_id = u.id),
    (select count(*)::int from core.recovery_codes c where c.user_id = u.id and c.used_at is null),
    core.is_second_factor_wanted(u.id, second_factor_of.workspace_id),
    coalesce((select w.trusted_device_days from core.workspace_settings w where w.workspace_id = second_factor_of.workspace_id), 0)
  from core.users u left join core.totp t on t.user_id = u.id where u.id = second_factor_of.user_id
$$;
comment on function core.second_factor_of(uuid, uuid) is
  'The second factors of a user, and what the workspace asks: whether it wants one of this member, and for how many days a browser may be remembered.';

-- Setting it up again before it was confirmed replaces the secret; afterwards it must be turned off first.
create or replace function core.begin_second_factor(user_id uuid, secret text) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with done as (
    insert into core.totp as t (user_id, secret) values (begin_second_factor.user_id, begin_second_factor.secret)
    on conflict (user_id) do update set secret = excluded.secret, last_step = 0 where t.confirmed_at is null
    returning 1
  )
  select exists (select from done)
$$;

-- A code that was used is not used again, nor is one that is older: a look over the shoulder is worth nothing.
create or replace function core.use_totp_step(user_id uuid, step bigint) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with done as (
    update core.totp t set last_step = use_totp_step.step, confirmed_at = coalesce(t.confirmed_at, now())
    where t.user_id = use_totp_step.user_id and t.last_step < use_totp_step.step returning 1
  )
  select exists (select from done)
$$;
comment on function core.use_totp_step(uuid, bigint) is 'Uses up the code of a step of thirty seconds. False when it, or a later one, was used already. The first use confirms the setup.';

create or replace function core.replace_recovery_codes(user_id uuid, hashes bytea[]) returns void
language sql volatile security definer set search_path = ''
as $$
  delete from core.recovery_codes c where c.user_id = replace_recovery_codes.user_id;
  insert into core.recovery_codes (user_id, code_hash) select replace_recovery_codes.user_id, h from unnest(hashes) h;
$$;

create or replace function core.use_recovery_code(user_id uuid, code_hash bytea) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with done as (
    update core.recovery_codes c set used_at = now()
    where c.user_id = use_recovery_code.user_id and c.code_hash = use_recovery_code.code_hash and c.used_at is null returning 1
  )
  select exists (select from done)
$$;

-- Codes and remembered browsers stand in for a second factor, and go with the last one.
create or replace function core.forget_factors_left(user_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if exists (select from core.totp t where t.user_id = forget_factors_left.user_id and t.confirmed_at is not null)
    or exists (select from core.passkeys p where p.user_id = forget_factors_left.user_id) then
    return;
  end if;
  delete from core.recovery_codes c where c.user_id = forget_factors_left.user_id;
  delete from core.trusted_devices d where d.user_id = forget_factors_left.user_id;
end
$$;

create or replace function core.end_second_factor(user_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$
  delete from core.totp t where t.user_id = end_second_factor.user_id;
  select core.forget_factors_left(end_second_factor.user_id);
$$;

create or replace function core.trust_device(user_id uuid, token_hash bytea, expires_at timestamptz) returns void
language sql volatile security definer set search_path = ''
as $$
  delete from core.trusted_devices d where d.user_id = trust_device.user_id and d.expires_at < now();
  insert into core.trusted_devices (token_hash, user_id, expires_at) values (trust_device.token_hash, trust_device.user_id, trust_device.expires_at);
$$;

create or replace function core.is_trusted_device(user_id uuid, token_hash bytea, workspace_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (select from core.trusted_devices d join core.workspace_settings w on w.workspace_id = is_trusted_device.workspace_id
    where d.user_id = is_trusted_device.user_id and d.token_hash = is_trusted_device.token_hash and d.expires_at > now()
      and d.created_at > now() - make_interval(days => w.trusted_device_days))
$$;
comment on function core.is_trusted_device(uuid, bytea, uuid) is 'Whether a browser need not prove the second factor in a workspace, which says for how long that may be.';

create or replace function core.note_session_mfa(session_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$ update core.sessions s set mfa_at = now() where s.id = note_session_mfa.session_id $$;

create or replace function core.email_of(user_id uuid) returns text
language sql stable security definer set search_path = ''
as $$ select u.email from core.users u where u.id = email_of.user_id $$;

-- A password that others may have known was perhaps used to trust a device, too.
create or replace function core.tg_users__forget_devices() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from core.trusted_devices d where d.user_id = new.id;
  return null;
end
$$;
drop trigger if exists _400_forget_devices on core.users;
create trigger _400_forget_devices after update of password_hash on core.users for each row execute function core.tg_users__forget_devices();

grant execute on function core.second_factor_of(uuid, uuid), core.begin_second_factor(uuid, text), core.use_totp_step(uuid, bigint), core.replace_recovery_codes(uuid, bytea[]),
  core.use_recovery_code(uuid, bytea), core.end_second_factor(uuid), core.trust_device(uuid, bytea, timestamptz), core.is_trusted_device(uuid, bytea, uuid),
  core.note_session_mfa(uuid), core.email_of(uuid) to relvar_server;
--! EndIncluded core/second_factor.sql
--! Included core/session_rules.sql
-- What a workspace asks of its members' sign-in: a second factor, and for how long a sign-in is good.

-- Whoever begins or renews a session may ask for less time than the workspace gives, and never gets more.
create or replace function core.tg_sessions__limit() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.expires_at := least(new.expires_at,
    (select new.created_at + make_interval(hours => w.session_hours) from core.workspace_settings w where w.workspace_id = new.workspace_id));
  return new;
end
$$;
drop trigger if exists _100_limit on core.sessions;
create trigger _100_limit before insert on core.sessions for each row execute function core.tg_sessions__limit();

create or replace function core.tg_refresh_tokens__limit() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.expires_at := least(new.expires_at,
    (select least(s.expires_at, now() + make_interval(hours => w.session_idle_hours))
      from core.sessions s join core.workspace_settings w on w.workspace_id = s.workspace_id where s.id = new.session_id));
  return new;
end
$$;
drop trigger if exists _100_limit on core.refresh_tokens;
create trigger _100_limit before insert on core.refresh_tokens for each row execute function core.tg_refresh_tokens__limit();

-- Members who may come in without a second factor, since they have none: with how many open sessions each.
create or replace function core.members_without_factor(workspace_id uuid) returns table (member_id uuid, user_id uuid, is_wanted boolean)
language sql stable set search_path = ''
as $$
  select m.id, m.user_id, core.is_second_factor_wanted(m.user_id, m.workspace_id) from core.members m
  where m.workspace_id = members_without_factor.workspace_id and m.is_active
    and not exists (select from core.totp t where t.user_id = m.user_id and t.confirmed_at is not null)
    and not exists (select from core.passkeys p where p.user_id = m.user_id)
$$;

-- Sessions in which no second factor was proved, of members who have none although one is wanted of them.
create or replace function core.sessions_without_factor(workspace_id uuid) returns setof core.sessions
language sql stable set search_path = ''
as $$
  select s.* from core.members_without_factor(sessions_without_factor.workspace_id) m
  join core.sessions s on s.user_id = m.user_id and s.workspace_id = sessions_without_factor.workspace_id
  where m.is_wanted and s.mfa_at is null and s.impersonator_user_id is null and s.revoked_at is null and s.expires_at > now()
$$;

create or replace function metadata.security_settings() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('isMfaEnforced', w.is_mfa_enforced,
      'mfaRoleIds', (select coalesce(jsonb_agg(r.id order by r.name), '[]') from metadata.roles r where r.workspace_id = w.workspace_id and r.requires_second_factor),
      'sessionHours', w.session_hours, 'sessionIdleHours', w.session_idle_hours, 'trustedDeviceDays', w.trusted_device_days)
    || case when engine.may('SECURITY') then jsonb_build_object(
      'membersWithoutFactor', (select count(*) from core.members_without_factor(w.workspace_id)),
      'sessionsWithoutFactor', (select count(*) from core.sessions_without_factor(w.workspace_id))) else '{}' end
  from core.workspace_settings w where w.workspace_id = engine.own_workspace()
$$;
comment on function metadata.security_settings() is
  'What the workspace asks of its members'' sign-in: {isMfaEnforced, mfaRoleIds, sessionHours, sessionIdleHours, trustedDeviceDays}; for who keeps it also {membersWithoutFactor, sessionsWithoutFactor}.';

create or replace function engine.note_security_change(detail jsonb) returns void
language sql volatile set search_path = ''
as $$
  select core.note_auth_event('SECURITY_CHANGED', engine.own_workspace(), (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => note_security_change.detail || jsonb_build_object('by', engine.actor_name()))
$$;

create or replace function metadata.set_mfa_enforced(is_mfa_enforced boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'SECURITY');
  update core.workspace_settings w set is_mfa_enforced = coalesce(set_mfa_enforced.is_mfa_enforced, false) where w.workspace_id = engine.own_workspace();
  perform engine.note_security_change(jsonb_build_object('isMfaEnforced', coalesce(set_mfa_enforced.is_mfa_enforced, false)));
  return set_mfa_enforced.is_mfa_enforced;
end
$$;
comment on function metadata.set_mfa_enforced(boolean) is 'Whether members must have a second factor. Who has none is led to set one up at the next sign-in.';

create or replace function metadata.set_mfa_roles(role_ids uuid[]) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_names text[];
begin
  perform engine.assert_manages(v_workspace, 'SECURITY');
  if exists (select from unnest(role_ids) i where i not in (select r.id from metadata.roles r where r.workspace_id = v_workspace)) then
    raise exception 'The workspace has no such role.' using errcode = 'RV044', column = 'role', hint = 'metadata.roles lists them.';
  end if;
  update metadata.roles r set requires_second_factor = r.id = any (coalesce(role_ids, '{}'))
  where r.workspace_id = v_workspace and r.requires_second_factor <> (r.id = any (coalesce(role_ids, '{}')));
  v_names := array(select r.name from metadata.roles r where r.workspace_id = v_workspace and r.requires_second_factor order by r.name);
  perform engine.note_security_change(jsonb_build_object('mfaRoles', v_names));
  return metadata.security_settings();
end
$$;
comment on function metadata.set_mfa_roles(uuid[]) is
  'Of members with which roles a second factor is asked, also where the workspace does not ask all. A role that includes one of them asks for it, too.';

create or replace function metadata.set_session_rules(session_hours int, session_idle_hours int, trusted_device_days int) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'SECURITY');
  update core.workspace_settings w set session_hours = set_session_rules.session_hours, session_idle_hours = set_session_rules.session_idle_hours,
    trusted_device_days = set_session_rules.trusted_device_days
  where w.workspace_id = v_workspace;
  -- Those that go on are no exception.
  update core.sessions s set expires_at = least(s.expires_at, s.created_at + make_interval(hours => set_session_rules.session_hours))
  where s.workspace_id = v_workspace and s.revoked_at is null and s.expires_at > s.created_at + make_interval(hours => set_session_rules.session_hours);
  update core.refresh_tokens t set expires_at = least(t.expires_at, s.last_used_at + make_interval(hours => set_session_rules.session_idle_hours))
  from core.sessions s
  where s.id = t.session_id and s.workspace_id = v_workspace and t.used_at is null and t.expires_at > s.last_used_at + make_interval(hours => set_session_rules.session_idle_hours);
  perform pg_notify('relvar_identity', json_build_object('workspace', v_workspace)::text);
  perform engine.note_security_change(jsonb_build_object('sessionHours', set_session_rules.session_hours, 'sessionIdleHours', set_session_rules.session_idle_hours,
    'trustedDeviceDays', set_session_rules.trusted_device_days));
  return metadata.security_settings();
exception when check_violation or not_null_violation then
  raise exception 'Sessions last from 1 hour to 365 days, and devices are remembered for 0 to 365 days.' using errcode = 'RV165', hint = 'sessionHours and sessionIdleHours: 1 to 8760. trustedDeviceDays: 0 to 365.';
end
$$;
comment on function metadata.set_session_rules(int, int, int) is
  'For how long a sign-in is good: hours until a session ends, hours without use until it ends sooner, and days for which a browser need not prove the second factor again (0: never). Holds for sessions that go on, too.';

create or replace function metadata.end_sessions_without_factor() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_count int;
begin
  perform engine.assert_manages(v_workspace, 'SECURITY');
  select count(*) filter (where core.revoke_session(s.id, 'SECOND_FACTOR_WANTED')) into v_count from core.sessions_without_factor(v_workspace) s;
  perform engine.note_security_change(jsonb_build_object('sessionsEnded', v_count));
  return v_count;
end
$$;
comment on function metadata.end_sessions_without_factor() is
  'Signs out the members of whom a second factor is wanted and who have none, so that they are led to set one up now. Returns how many sessions ended.';

revoke execute on function metadata.security_settings(), metadata.set_mfa_enforced(boolean), metadata.set_mfa_roles(uuid[]), metadata.set_session_rules(int, int, int),
  metadata.end_sessions_without_factor() from public;
grant execute on function metadata.security_settings(), metadata.set_mfa_enforced(boolean), metadata.set_mfa_roles(uuid[]), metadata.set_session_rules(int, int, int),
  metadata.end_sessions_without_factor() to relvar_crm;
--! EndIncluded core/session_rules.sql
--! Included core/devices.sql
-- A sign-in with a browser or program that the account has not been seen with is told to its owner.

-- A browser is known by a random cookie. A program, and a browser that comes back by a form of another site, brings none;
-- it is known by what it calls itself and by its address.
create or replace function core.note_device(
  user_id uuid, token_hash bytea, is_by_address boolean, workspace_id uuid, ip inet default null, user_agent text default null,
  device text default null, place text default null
) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users;
  v_agent text := left(coalesce(user_agent, ''), 500);
  v_is_first boolean;
begin
  update core.known_devices d set last_seen_at = now(), ip = note_device.ip, user_agent = v_agent
  where d.user_id = note_device.user_id
    and (d.token_hash = note_device.token_hash or note_device.is_by_address and d.ip = note_device.ip and d.user_agent = v_agent);
  if found then
    return false;
  end if;
  select * into strict v_user from core.users u where u.id = note_device.user_id for update;
  v_is_first := not exists (select from core.known_devices d where d.user_id = v_user.id);
  insert into core.known_devices (user_id, token_hash, user_agent, ip) values (v_user.id, note_device.token_hash, v_agent, note_device.ip)
  on conflict do nothing;
  delete from core.known_devices d where d.user_id = v_user.id
    and d.token_hash not in (select k.token_hash from core.known_devices k where k.user_id = v_user.id order by k.last_seen_at desc limit 100);
  -- Who has the password and no shame could fill the mailbox of the owner: five an hour say enough.
  if not v_is_first and core.is_email(v_user.email) and core.count_attempt('new sign-in ' || v_user.id, 5, '1 hour') then
    perform core.queue_mail(v_user.email, 'new_sign_in', jsonb_strip_nulls(jsonb_build_object('device', note_device.device, 'ipAddress', host(note_device.ip),
      'place', note_device.place, 'happenedAt', now())), note_device.workspace_id, v_user.locale);
  end if;
  return true;
end
$$;
comment on function core.note_device(uuid, bytea, boolean, uuid, inet, text, text, text) is
  'Remembers what a user signs in with, by the hash of the cookie that it has or gets, and says whether it is new. A new one that is not the first of all is told by mail. is_by_address: whether the same program at the same address is the same device.';

create or replace function core.forget_devices() returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.known_devices d where d.last_seen_at < now() - interval '400 days' $$;
comment on function core.forget_devices() is 'Forgets devices that were not seen for longer than their cookie lives.';

grant execute on function core.note_device(uuid, bytea, boolean, uuid, inet, text, text, text) to relvar_server;
grant execute on function core.forget_devices(), core.forget_sessions() to relvar_worker;
--! EndIncluded core/devices.sql
--! Included core/passkeys.sql
-- Passkeys. The server verifies what authenticators sign; which key belongs to whom, and that a counter goes forward, is
-- held here.

create or replace function core.add_passkey(user_id uuid, credential_id bytea, public_key bytea, counter bigint, transports text[], name text, is_synced boolean) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  perform from core.users u where u.id = add_passkey.user_id for update;
  if (select count(*) from core.passkeys p where p.user_id = add_passkey.user_id) >= 20 then
    raise exception 'An account has at most 20 passkeys.' using errcode = 'RV166', hint = 'Remove one that you do not use any more.';
  end if;
  insert into core.passkeys (user_id, credential_id, public_key, counter, transports, name, is_synced)
  values (add_passkey.user_id, add_passkey.credential_id, add_passkey.public_key, add_passkey.counter, add_passkey.transports,
    coalesce(nullif(left(btrim(add_passkey.name), 100), ''), 'Passkey'), add_passkey.is_synced)
  returning id into v_id;
  return v_id;
exception when unique_violation then
  raise exception 'This passkey is registered already.' using errcode = 'RV167', hint = 'Use it to sign in, or remove it first.';
end
$$;

create or replace function core.passkeys_of(user_id uuid)
returns table (id uuid, credential_id bytea, transports text[], name text, is_synced boolean, created_at timestamptz, last_used_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select p.id, p.credential_id, p.transports, p.name, p.is_synced, p.created_at, p.last_used_at
  from core.passkeys p where p.user_id = passkeys_of.user_id order by p.created_at, p.id
$$;

create or replace function core.find_passkey(credential_id bytea) returns table (id uuid, user_id uuid, email text, public_key bytea)
language sql stable security definer set search_path = ''
as $$
  select p.id, p.user_id, u.email, p.public_key from core.passkeys p join core.users u on u.id = p.user_id
  where p.credential_id = find_passkey.credential_id and u.disabled_at is null
$$;

-- Authenticators that count never say the same number twice; those that do not count say 0 for ever.
create or replace function core.use_passkey(id uuid, counter bigint) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with done as (
    update core.passkeys p set counter = use_passkey.counter, last_used_at = now()
    where p.id = use_passkey.id and (use_passkey.counter > p.counter or use_passkey.counter = 0 and p.counter = 0) returning 1
  )
  select exists (select from done)
$$;
comment on function core.use_passkey(uuid, bigint) is 'Notes the use of a passkey. False when its counter did not go forward, as that of a copy does not.';

create or replace function core.rename_passkey(user_id uuid, id uuid, name text) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with done as (
    update core.passkeys p set name = coalesce(nullif(left(btrim(rename_passkey.name), 100), ''), p.name)
    where p.id = rename_passkey.id and p.user_id = rename_passkey.user_id returning 1
  )
  select exists (select from done)
$$;

create or replace function core.remove_passkey(user_id uuid, id uuid) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_name text;
begin
  delete from core.passkeys p where p.id = remove_passkey.id and p.user_id = remove_passkey.user_id returning p.name into v_name;
  perform core.forget_factors_left(remove_passkey.user_id);
  return v_name;
end
$$;
comment on function core.remove_passkey(uuid, uuid) is 'Removes a passkey of a user and returns its name; null when the user has no such one.';

-- A passkey says who somebody is, and not where they want to go: where they were last, unless they say.
create or replace function core.workspace_to_enter(user_id uuid, slug text default null) returns uuid
language sql stable security definer set search_path = ''
as $$
  select w.id from core.workspaces_of(workspace_to_enter.user_id) w
  where workspace_to_enter.slug is null or w.slug = workspace_to_enter.slug
  order by (select max(s.last_used_at) from core.sessions s
    where s.user_id = workspace_to_enter.user_id and s.workspace_id = w.id and s.impersonator_user_id is null) desc nulls last, w.name
  limit 1
$$;

grant execute on function core.add_passkey(uuid, bytea, bytea, bigint, text[], text, boolean), core.passkeys_of(uuid), core.find_passkey(bytea),
  core.use_passkey(uuid, bigint), core.rename_passkey(uuid, uuid, text), core.remove_passkey(uuid, uuid), core.workspace_to_enter(uuid, text) to relvar_server;
--! EndIncluded core/passkeys.sql
--! Included engine/labels.sql
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
  ), (
    -- A formula over its own record is written out, since transition tables lack what is computed when it is read.
    select format('coalesce((%s)::text, '''')', case when engine.formula_reads_relations(f.compiled)
      then coalesce(quote_ident(alias) || '.', '') || quote_ident(engine.snake_case(f.name)) else engine.formula_sql(f.compiled, '', alias) end)
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id
    where o.id = label_expression.object_id and f.type = 'FORMULA' and f.compiled ->> 'type' <> 'CURRENCY'
  ), coalesce(quote_ident(alias) || '.', '') || 'id::text')
$$;
--! EndIncluded engine/labels.sql
drop function engine.search_columns(uuid, uuid[]);
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

-- What a deleted object or field is called until it is purged, so that its name is free again.
create or replace function engine.deleted_name(id uuid) returns text
language sql immutable strict parallel safe
  return 'deleted_' || right(replace(id::text, '-', ''), 12);

-- How a field's columns are identified: a change of type makes new columns beside the old.
create or replace function engine.column_key(field_id uuid, revision int, part text) returns text
language sql immutable parallel safe
  -- With casts that are as immutable as it is, so that it becomes a part of the queries that ask it.
  return field_id::text || case when revision > 1 then '~' || revision::text else '' end || case when part = '' then '' else '.' || part end;

-- A search vector reads the label field and the fields whose settings say "searchable". A formula that is computed when
-- it is read has no name here, since no other column can be made of it: only what it is made of.
create or replace function engine.search_sources(workspace_id uuid, scope uuid[] default null)
returns table (object_id uuid, key text, name text, expression text)
language sql stable set search_path = ''
as $$
  select f.object_id, engine.column_key(f.id, f.revision, c.part), engine.snake_case(f.name) || c.suffix, quote_ident(engine.snake_case(f.name) || c.suffix)
  from metadata.fields f
  join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
  join engine.field_type_columns c on c.type = f.type
  where f.workspace_id = search_sources.workspace_id and (scope is null or f.object_id = any (scope)) and f.deleted_at is null
    and (f.id = o.label_field_id or f.settings ->> 'searchable' = 'true')
    and c.pg_type = 'text' and f.type <> 'AUTO_NUMBER'
    and c.part not in ('primaryPhoneCountryCode', 'primaryLinkLabel', 'currencyCode')
  union all
  select f.object_id, f.id || '#' || md5(engine.computed_basis(f)), case when not g.is_generated then engine.snake_case(f.name) end,
    case when g.is_generated then engine.formula_sql(f.compiled) else quote_ident(engine.snake_case(f.name)) end
  from metadata.fields f
  join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id and o.label_field_id = f.id
  cross join lateral (select engine.is_generated(f) as is_generated) g
  where f.workspace_id = search_sources.workspace_id and (scope is null or f.object_id = any (scope)) and f.deleted_at is null
    and f.type = 'FORMULA' and f.result_type = 'TEXT'
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
        || string_agg(format('COALESCE(%s, ''''::text)', s.expression), ' || '' ''::text || ' order by s.key) || '))' as expr
    from engine.search_sources(columns.workspace_id, scope) s
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
--! EndIncluded engine/fields.sql
--! Included engine/online/kept.sql
-- What keeps plain the columns that on a small table are stored generated ones: the search vector and
-- the text of an auto-number. An empty one is computed whenever its record is written.

create or replace function engine.desired_kept(workspace_id uuid, schema_name text, kept engine.fact[]) returns setof engine.fact
language plpgsql stable set search_path = ''
as $$
declare
  v_name text;
  v_definition text;
  v_trigger text;
  r record;
begin
  for r in
    select k.table_key, k.table_name, string_agg(format(E'\n  if %5$stg_op = ''INSERT'' or new.%1$I is null or row(%2$s) is distinct from row(%3$s) then\n    select %4$s into new.%1$I from (select new.*) r;\n  end if;',
        k.name, 'new.' || quote_ident(k.name) || s.new, 'old.' || quote_ident(k.name) || s.old, k.generated_expr, case when s.is_unnamed then 'true or ' end), '' order by k.key) as body
    from unnest(kept) k
    cross join lateral (
      select coalesce(string_agg(', new.' || quote_ident(c.name), '' order by c.name), '') as new, coalesce(string_agg(', old.' || quote_ident(c.name), '' order by c.name), '') as old,
        coalesce(bool_or(c.name is null), false) as is_unnamed
      from (
        select s.name from engine.search_sources(desired_kept.workspace_id, array[k.table_key::uuid]) s where k.pg_type = 'tsvector'
        union all
        select left(k.name, -5) where k.pg_type = 'text'
      ) c
    ) s
    group by k.table_key, k.table_name
  loop
    v_name := 'keep_' || right(replace(r.table_key, '-', ''), 12);
    v_definition := format('create or replace function %I.%I() returns trigger language plpgsql volatile security definer set search_path = '''' as %L',
      schema_name, v_name, E'\nbegin' || r.body || E'\n  return new;\nend\n');
    return query select 'function', 'keep:' || r.table_key, r.table_key, r.table_name, v_name, v_definition,
      engine.fact_comment('keep:' || r.table_key, v_definition, null, 'Keeps what search reads, and the texts of auto-numbers.'), null, null::boolean, null, null, null::oid;
    -- With its function the trigger, too, is another, so it is not there while columns are renamed and values converted.
    v_trigger := format('before insert or update on %%s for each row execute function %I.%I(%L)', schema_name, v_name, left(md5(v_definition), 12));
    return query select 'trigger', r.table_key || ' _160_keep', r.table_key, r.table_name, '_160_keep', v_trigger,
      engine.fact_comment('_160_keep', v_trigger), null, null::boolean, null, null, null::oid;
  end loop;
end
$$;
--! EndIncluded engine/online/kept.sql

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
--! Included core/saml.sql
-- What SAML keeps besides its providers: our own keys, assertions that were used, and when metadata was read.

-- The newest key signs; all of them decrypt, and all are in our metadata, so that a provider may learn the next one in time.
create or replace function core.saml_keys_of(provider_id uuid) returns table (certificate text, private_key text, created_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select k.certificate, k.private_key, k.created_at from core.saml_keys k
  where k.provider_id = saml_keys_of.provider_id order by k.created_at desc, k.id
$$;

-- Of several servers that find none at the same moment one makes the first key.
create or replace function core.add_first_saml_key(provider_id uuid, certificate text, private_key text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform from core.identity_providers p where p.id = add_first_saml_key.provider_id for no key update;
  if not exists (select from core.saml_keys k where k.provider_id = add_first_saml_key.provider_id) then
    insert into core.saml_keys (provider_id, certificate, private_key)
    values (add_first_saml_key.provider_id, add_first_saml_key.certificate, add_first_saml_key.private_key);
  end if;
end
$$;

-- An assertion is good once, on whichever server it arrives: the primary key says so.
create or replace function core.keep_saml_assertion(provider_id uuid, assertion_id text, good_until timestamptz, ticket_hash bytea, request_id text, content jsonb) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with kept as (
    insert into core.saml_assertions (provider_id, id_hash, good_until, ticket_hash, request_id, content)
    values (keep_saml_assertion.provider_id, sha256(convert_to(assertion_id, 'UTF8')), keep_saml_assertion.good_until, keep_saml_assertion.ticket_hash, keep_saml_assertion.request_id,
      -- Who has not asked for an answer does not get it.
      case when keep_saml_assertion.request_id is not null then keep_saml_assertion.content end)
    on conflict do nothing returning 1
  )
  select exists (select from kept)
$$;
comment on function core.keep_saml_assertion(uuid, text, timestamptz, bytea, text, jsonb) is
  'Uses up an assertion and keeps what it said for the browser that has made the request and has the ticket. False when it was used before.';

create or replace function core.take_saml_assertion(provider_id uuid, ticket_hash bytea, request_id text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_assertion core.saml_assertions;
begin
  select * into v_assertion from core.saml_assertions a where a.ticket_hash = take_saml_assertion.ticket_hash for update;
  -- A ticket that somebody else comes with is used up, too: it has gone astray.
  update core.saml_assertions a set content = null where a.ticket_hash = take_saml_assertion.ticket_hash;
  return case when v_assertion.provider_id = take_saml_assertion.provider_id and v_assertion.request_id = take_saml_assertion.request_id
    and v_assertion.received_at > now() - interval '10 minutes' then v_assertion.content end;
end
$$;
comment on function core.take_saml_assertion(uuid, bytea, text) is
  'What an assertion said, for who comes with its ticket and has made the request that it answers: once, and within ten minutes.';

create or replace function core.forget_saml_assertions() returns int
language sql volatile security definer set search_path = ''
as $$
  with gone as (delete from core.saml_assertions a where greatest(a.good_until, a.received_at + interval '10 minutes') < now() returning 1)
  select count(*)::int from gone
$$;

-- Metadata that has an address is read again each day, so that a provider may change its certificates without anybody here.
create or replace function core.saml_providers_to_check() returns table (provider_id uuid, url text, certificates text[])
language sql stable security definer set search_path = ''
as $$
  select p.id, nullif(p.settings ->> 'metadataUrl', ''), array(select jsonb_array_elements_text(p.settings -> 'certificates'))
  from core.identity_providers p where p.kind = 'SAML' and p.is_enabled
  order by p.id
$$;

-- Only what may change with time: with another entityID it would be another provider, and nobody has asked for that.
create or replace function core.note_saml_metadata(provider_id uuid, url text, entity_id text, sign_in_url text, certificates text[]) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_old core.identity_providers;
  v_settings jsonb;
begin
  select * into v_old from core.identity_providers p
  where p.id = note_saml_metadata.provider_id and p.settings ->> 'metadataUrl' = note_saml_metadata.url for update;
  if not found then
    return false;
  end if;
  if v_old.settings ->> 'entityId' is distinct from note_saml_metadata.entity_id then
    perform core.note_saml_metadata_failure(v_old.id, format('The metadata is of another provider now: "%s".', left(note_saml_metadata.entity_id, 200)));
    return false;
  end if;
  v_settings := v_old.settings || jsonb_build_object('signInUrl', note_saml_metadata.sign_in_url, 'certificates', to_jsonb(note_saml_metadata.certificates));
  perform core.assert_provider_settings(v_old.kind, v_settings);
  insert into core.saml_metadata as m (provider_id, tried_at, read_at) values (v_old.id, now(), now())
  on conflict on constraint saml_metadata_pkey do update set tried_at = now(), read_at = now(), failure = null;
  if v_settings = v_old.settings then
    return false;
  end if;
  update core.identity_providers p set settings = v_settings where p.id = v_old.id;
  perform core.note_auth_event('PROVIDER_CHANGED', v_old.workspace_id, detail => jsonb_build_object('provider', v_old.label, 'by', 'METADATA',
    'changed', (select jsonb_agg(k) from jsonb_object_keys(v_settings) k where v_settings -> k <> v_old.settings -> k)));
  return true;
end
$$;
comment on function core.note_saml_metadata(uuid, text, text, text, text[]) is
  'Takes the address and the certificates over from metadata that was read anew. True when something has changed.';

create or replace function core.note_saml_metadata_failure(provider_id uuid, failure text) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into core.saml_metadata as m (provider_id, tried_at, failure)
  select p.id, now(), left(note_saml_metadata_failure.failure, 500) from core.identity_providers p where p.id = note_saml_metadata_failure.provider_id
  on conflict on constraint saml_metadata_pkey do update set tried_at = now(), failure = excluded.failure
$$;

-- Told once for each day on which it ends: to the audit, and by mail to those who keep the sign-in of the workspace.
create or replace function core.warn_of_saml_certificates(provider_id uuid, not_after timestamptz) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers;
begin
  insert into core.saml_metadata as m (provider_id, warned_of) values (warn_of_saml_certificates.provider_id, warn_of_saml_certificates.not_after)
  on conflict on constraint saml_metadata_pkey do update set warned_of = excluded.warned_of where m.warned_of is distinct from excluded.warned_of;
  if not found then
    return false;
  end if;
  select * into strict v_provider from core.identity_providers p where p.id = warn_of_saml_certificates.provider_id;
  perform core.note_auth_event('PROVIDER_CERTIFICATE_EXPIRES', v_provider.workspace_id, detail => jsonb_build_object('provider', v_provider.label, 'notAfter', warn_of_saml_certificates.not_after));
  perform core.queue_mail(u.email, 'certificate_expires', jsonb_build_object('provider', v_provider.label, 'notAfter', warn_of_saml_certificates.not_after), v_provider.workspace_id, u.locale)
  from core.members m join core.users u on u.id = m.user_id join metadata.roles r on r.id = m.role_id
  where m.workspace_id = v_provider.workspace_id and m.is_active and u.disabled_at is null and core.is_email(u.email) and engine.role_may(r.pg_role, 'SECURITY')
  order by m.created_at limit 20;
  return true;
end
$$;
comment on function core.warn_of_saml_certificates(uuid, timestamptz) is
  'Tells that the last certificate of a provider ends then. False when that was told before.';

create or replace function core.saml_metadata_state(provider_id uuid) returns table (tried_at timestamptz, read_at timestamptz, failure text)
language sql stable security definer set search_path = ''
as $$ select m.tried_at, m.read_at, m.failure from core.saml_metadata m where m.provider_id = saml_metadata_state.provider_id $$;

grant execute on function core.saml_keys_of(uuid), core.add_first_saml_key(uuid, text, text), core.keep_saml_assertion(uuid, text, timestamptz, bytea, text, jsonb),
  core.take_saml_assertion(uuid, bytea, text), core.saml_metadata_state(uuid) to relvar_server;
grant execute on function core.forget_saml_assertions(), core.saml_providers_to_check(), core.note_saml_metadata(uuid, text, text, text, text[]),
  core.note_saml_metadata_failure(uuid, text), core.warn_of_saml_certificates(uuid, timestamptz) to relvar_worker;
--! EndIncluded core/saml.sql
-- Fast rules: what policies ask once a statement, and filters of limited roles.
create index if not exists team_members_member_id_team_id_idx on metadata.team_members (member_id, team_id);
--! Included engine/permissions/policy.sql
-- Rules of roles as conditions of policies. Only shapes come out that cost nothing to speak of for each
-- record: comparisons of a column with a constant or with what a function says once a statement. They
-- are written exactly as PostgreSQL prints them back, so that a policy can be compared with what it
-- should be.
--
-- A condition on the way is a tree: {"sql": …} or {"op": "and" | "or", "args": […]}. "not" goes down to the
-- comparisons. As in all formulas a comparison is true or false, also where there is no value.

-- In an "or", what asks for the member goes where his team is asked for: he is in it.
create or replace function engine.policy_joined(op text, parts jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_args jsonb := '[]';
  v_part jsonb;
begin
  if jsonb_array_length(parts) = 1 then
    return parts -> 0;
  end if;
  for v_part in select e from jsonb_array_elements(parts) e loop
    v_args := v_args || case when v_part ->> 'op' = op then v_part -> 'args' else jsonb_build_array(v_part) end;
  end loop;
  if op = 'or' and position('engine.current_member()' in v_args::text) > 0 then
    v_args := (
      select jsonb_agg(a.value order by a.n)
      from jsonb_array_elements(v_args) with ordinality a (value, n)
      where not exists (
        select from jsonb_array_elements(v_args) b cross join (values ('my_team'), ('below_me')) f (name)
        where a.value ->> 'sql' like '% = ( SELECT engine.current_member() AS current_member))'
          and b ->> 'sql' = replace(a.value ->> 'sql', ' = ( SELECT engine.current_member() AS current_member))', format(' = ANY (ARRAY( SELECT engine.%s() AS %1$s)))', f.name))));
  end if;
  return case when jsonb_array_length(v_args) = 1 then v_args -> 0 else jsonb_build_object('op', op, 'args', v_args) end;
end
$$;

create or replace function engine.policy_print(tree jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
begin
  return coalesce(tree ->> 'sql', '(' || (
    select string_agg(coalesce(e ->> 'sql', engine.policy_print(e)), upper(format(' %s ', tree ->> 'op')) order by n)
    from jsonb_array_elements(tree -> 'args') with ordinality u (e, n)) || ')');
end
$$;

create or replace function engine.policy_error(what text, node jsonb, hint text) returns void
language plpgsql stable set search_path = ''
as $$
begin
  raise exception '%', what using errcode = 'RV059', column = 'condition',
    detail = engine.formula_detail(engine.formula_said(node), coalesce((node ->> 'at')::int, 1)), hint = hint;
end
$$;

-- The column that a rule compares: one of an ordinary type, of the field itself.
create or replace function engine.policy_field(node jsonb) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
begin
  if node ->> 'k' is distinct from 'field' then
    perform engine.policy_error(format('A rule compares fields with constants; "%s" is computed.', engine.formula_said(node)), node,
      'Write a field on one side, such as stage = "WON", owner = currentMember() or owner in myTeam(); join these by and, or and not.');
  end if;
  select f.* into v_field from metadata.fields f where f.id = (node ->> 'field')::uuid;
  if v_field.type in ('FORMULA', 'MORPH_RELATION', 'FULL_NAME') and node ->> 'part' = '' or v_field.type = 'FORMULA' or node ? 'ft' and node ->> 'ft' <> 'SELECT' then
    perform engine.policy_error(format('The field "%s" is of type %s, which a rule cannot compare quickly.', v_field.name, v_field.type), node,
      'Compare texts, numbers, dates, selects and relations. A formula''s own condition can be written here instead of it.');
  end if;
  return v_field;
end
$$;

create or replace function engine.policy_column(node jsonb, prefix text, out column_sql text, out pg_type text)
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields := engine.policy_field(node);
begin
  if v_field.type in ('RELATION', 'MEMBER') then
    column_sql := prefix || quote_ident(engine.snake_case(v_field.name) || '_id');
    pg_type := 'uuid';
    return;
  end if;
  select prefix || quote_ident(engine.snake_case(v_field.name) || c.suffix),
    case when v_field.type = 'NUMBER' and v_field.settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end into column_sql, policy_column.pg_type
  from engine.field_type_columns c
  where c.type = coalesce(v_field.result_type, v_field.type) and (c.part = node ->> 'part' or node ->> 'part' = '')
  order by c.position limit 1;
  -- The comparisons of these are leakproof, so conditions of queries beside the policy still use indexes.
  if coalesce(pg_type, '') not in ('text', 'double precision', 'bigint', 'smallint', 'boolean', 'date', 'timestamp with time zone', 'uuid') then
    perform engine.policy_error(format('The field "%s" is of type %s, which a rule cannot compare quickly.', v_field.name, v_field.type), node,
      'Compare texts, numbers, dates, selects and relations.');
  end if;
end
$$;

-- A constant as PostgreSQL prints it, or what a function says once a statement. For a given member what
-- it would say to that member.
create or replace function engine.policy_constant(node jsonb, pg_type text, member uuid) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_node jsonb := node;
  v_value numeric;
  v_text text;
begin
  if v_node ->> 'k' = 'cast' then
    v_node := v_node #> '{args,0}';
  end if;
  if v_node ->> 'fn' = 'currentMember' and pg_type = 'uuid' then
    return coalesce(engine.literal(member::text) || '::uuid', '( SELECT engine.current_member() AS current_member)');
  elsif v_node ->> 'fn' = 'today' and pg_type = 'date' then
    return '( SELECT engine.today() AS today)';
  elsif v_node ->> 'fn' = 'today' and pg_type = 'timestamp with time zone' then
    return '( SELECT engine.start_of_today() AS start_of_today)';
  elsif v_node ->> 'fn' = 'now' and pg_type = 'timestamp with time zone' then
    return '( SELECT now() AS now)';
  end if;
  if v_node ->> 'k' = 'num' or v_node ->> 'op' = 'neg' and v_node #>> '{args,0,k}' = 'num' then
    v_value := coalesce((v_node ->> 'v')::numeric, -(v_node #>> '{args,0,v}')::numeric) * case when node ->> 't' = 'CURRENCY' and node ->> 'k' = 'cast' then 1000000 else 1 end;
    if pg_type in ('bigint', 'smallint') and (v_value <> trunc(v_value) or abs(v_value) > case pg_type when 'bigint' then 9e18 else 32000 end) then
      perform engine.policy_error(format('"%s" holds whole numbers only.', v_value), node, 'Compare with a whole number.');
    end if;
    v_text := case pg_type when 'double precision' then (v_value::double precision)::text else trunc(v_value)::text end;
    if pg_type in ('double precision', 'bigint', 'smallint') then
      return engine.literal(v_text) || '::' || pg_type;
    end if;
  elsif v_node ->> 'k' = 'str' and pg_type = 'text' then
    return engine.literal(v_node ->> 'v') || '::text';
  elsif v_node ->> 'k' = 'bool' and pg_type = 'boolean' then
    return v_node ->> 'v';
  elsif v_node ->> 'fn' = 'date' and v_node #>> '{args,0,k}' = 'str' and jsonb_array_length(v_node -> 'args') = 1 then
    if pg_type = 'date' then
      return engine.literal(((v_node #>> '{args,0,v}')::date)::text) || '::date';
    elsif pg_type = 'timestamp with time zone' then
      return engine.literal(((v_node #>> '{args,0,v}')::timestamp at time zone 'UTC')::text) || '::timestamp with time zone';
    end if;
  end if;
  perform engine.policy_error(format('A rule compares with a constant, not with "%s".', engine.formula_said(v_node)), node,
    'Write a text, a number, true, false, date("2026-12-31"), today(), now() or currentMember().');
  return null;
end
$$;

-- The atoms of a rule: a comparison of one field. What is above them is and, or, not.
create or replace function engine.policy_is_atom(node jsonb) returns boolean
language sql immutable parallel safe set search_path = ''
  return coalesce(not (node ->> 'op' in ('and', 'or', 'not') or node ->> 'fn' in ('and', 'or', 'not') or node ->> 'k' = 'bool'), true);

-- The field on its left, which may be written on its right.
create or replace function engine.policy_sides(atom jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  a jsonb := atom #> '{args,0}';
  b jsonb := atom #> '{args,1}';
  v_op text := atom ->> 'op';
begin
  if atom ->> 'k' = 'field' then
    return jsonb_build_object('op', '=', 'field', atom, 'with', '{"k": "bool", "v": "true", "t": "BOOLEAN"}'::jsonb);
  elsif atom ->> 'fn' = 'isEmpty' then
    return jsonb_build_object('op', 'isEmpty', 'field', a);
  elsif v_op in ('=', '!=') and (a ->> 'k' = 'null' or b ->> 'k' = 'null') then
    return jsonb_build_object('op', case v_op when '=' then 'null' else 'notNull' end, 'field', case when a ->> 'k' = 'null' then b else a end);
  elsif v_op in ('=', '!=', '<', '<=', '>', '>=') then
    if a ->> 'k' <> 'field' and b ->> 'k' = 'field' then
      return jsonb_build_object('op', case v_op when '<' then '>' when '<=' then '>=' when '>' then '<' when '>=' then '<=' else v_op end, 'field', b, 'with', a);
    end if;
    return jsonb_build_object('op', v_op, 'field', a, 'with', b);
  elsif v_op = 'in' then
    return jsonb_build_object('op', 'in', 'field', a, 'with', b);
  end if;
  perform engine.policy_error(format('"%s" would be computed for every record, which is slow.', engine.formula_said(atom)), atom,
    'Compare a field with a constant, such as stage = "WON", owner = currentMember() or owner in myTeam(); join these by and, or and not.');
  return null;
end
$$;

-- Whether an atom is true where there is no value.
create or replace function engine.policy_true_of_nothing(op text) returns boolean
language sql immutable parallel safe set search_path = ''
  return op in ('!=', 'isEmpty', 'null');

-- One comparison over columns of one table.
create or replace function engine.policy_comparison(atom jsonb, negated boolean, prefix text, member uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_sides jsonb := engine.policy_sides(atom);
  v_op text := v_sides ->> 'op';
  v_field jsonb := v_sides -> 'field';
  v_with jsonb := v_sides -> 'with';
  v_column text;
  v_pg_type text;
  v_is_null jsonb;
  v_members text;
  v_compared jsonb;
begin
  select c.column_sql, c.pg_type into v_column, v_pg_type from engine.policy_column(v_field, prefix) c;
  v_is_null := jsonb_build_object('sql', format('(%s IS NULL)', v_column));
  if v_op = 'isEmpty' and v_pg_type = 'text' then
    return case when negated then jsonb_build_object('sql', format('(%s <> ''''::text)', v_column))
      else jsonb_build_object('op', 'or', 'args', jsonb_build_array(v_is_null, jsonb_build_object('sql', format('(%s = ''''::text)', v_column)))) end;
  elsif v_op in ('isEmpty', 'null', 'notNull') then
    return case when negated = (v_op = 'notNull') then v_is_null else jsonb_build_object('sql', format('(%s IS NOT NULL)', v_column)) end;
  elsif v_op = 'in' and v_with ->> 'k' = 'list' then
    if v_pg_type = 'uuid' then
      perform engine.policy_error('A rule names no single records.', v_field, 'Write owner = currentMember() or owner in myTeam(), or compare a field of the related record, such as company.name.');
    end if;
    v_compared := jsonb_build_object('sql', format(case when negated then '(%s <> ALL (%s::%s[]))' else '(%s = ANY (%s::%s[]))' end, v_column,
      engine.literal((select array_agg(case when v_pg_type = 'text' then e ->> 'v' else trim(both '''' from split_part(engine.policy_constant(e, v_pg_type, member), '::', 1)) end order by n)::text
        from jsonb_array_elements(v_with -> 'args') with ordinality u (e, n)
        where engine.policy_constant(e, v_pg_type, member) is not null)), v_pg_type));
  elsif v_op = 'in' then
    if not engine.policy_is_member(v_field) then
      perform engine.policy_error(format('"%s" holds no member.', engine.formula_said(v_field)), v_field, 'Name a field that points to a member, such as owner, or createdBy.memberId.');
    end if;
    v_members := case v_with ->> 'fn' when 'myTeam' then 'my_team' else 'below_me' end;
    v_members := case when member is null then format('( SELECT engine.%s() AS %1$s)', v_members)
      else format('( SELECT engine.%s(%L::uuid))', case v_members when 'my_team' then 'team_of' else 'below' end, member) end;
    v_compared := jsonb_build_object('sql', format(case when negated then '(%s <> ALL (ARRAY%s))' else '(%s = ANY (ARRAY%s))' end, v_column, v_members));
  else
    if v_pg_type = 'uuid' and v_with ->> 'fn' = 'currentMember' and not engine.policy_is_member(v_field) then
      perform engine.policy_error(format('"%s" holds no member.', engine.formula_said(v_field)), v_field, 'Name a field that points to a member, such as owner, or createdBy.memberId.');
    end if;
    v_compared := jsonb_build_object('sql', format('(%s %s %s)', v_column,
      case when negated then case v_op when '=' then '<>' when '!=' then '=' when '<' then '>=' when '<=' then '>' when '>' then '<=' else '<' end
        when v_op = '!=' then '<>' else v_op end, engine.policy_constant(v_with, v_pg_type, member)));
  end if;
  return case when engine.policy_true_of_nothing(v_op) <> negated then jsonb_build_object('op', 'or', 'args', jsonb_build_array(v_compared, v_is_null)) else v_compared end;
end
$$;

create or replace function engine.policy_is_member(field jsonb) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from metadata.fields f
    where f.id = (field ->> 'field')::uuid and (f.type = 'ACTOR' and field ->> 'part' = 'memberId' or exists (
      select from metadata.relations r join metadata.objects o on o.id = r.target_object_id
      where r.field_id = f.id and r.deleted_at is null and o.universal_identifier = 'standard:workspaceMember')))
$$;

-- By which a rule's comparison is found again.
create or replace function engine.policy_atom_key(atom jsonb) returns text
language sql immutable set search_path = ''
  return left(md5(atom::text), 12);

create or replace function engine.policy_tree(node jsonb, negated boolean, rule_id uuid, prefix text, member uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_op text := coalesce(node ->> 'op', node ->> 'fn');
  v_sides jsonb;
  v_link text;
  v_ids text;
begin
  if node ->> 'k' = 'bool' then
    return jsonb_build_object('sql', case when (node ->> 'v' = 'true') <> negated then 'true' else 'false' end);
  elsif v_op = 'not' then
    return engine.policy_tree(node #> '{args,0}', not negated, rule_id, prefix, member);
  elsif v_op in ('and', 'or') then
    return engine.policy_joined(case when (v_op = 'and') <> negated then 'and' else 'or' end,
      (select jsonb_agg(engine.policy_tree(e, negated, rule_id, prefix, member) order by n) from jsonb_array_elements(node -> 'args') with ordinality u (e, n)));
  end if;
  v_sides := engine.policy_sides(node);
  if not v_sides -> 'field' ? 'via' then
    return engine.policy_comparison(node, negated, prefix, member);
  end if;
  -- A field of a related record: the ids of the records that are like that, found once a statement.
  perform engine.policy_comparison(node, false, '', member);
  select (engine.formula_columns(f, '', prefix))[1] into v_link from metadata.fields f where f.id = (v_sides #>> '{field,via,0}')::uuid;
  v_ids := case when member is null then format('( SELECT engine.rule_ids(%L::uuid, %L::text) AS rule_ids)', coalesce(rule_id, '00000000-0000-0000-0000-000000000000'), engine.policy_atom_key(node))
    else format('( SELECT engine.find_rule_ids(%L::uuid, %L::text, %L::uuid))', rule_id, engine.policy_atom_key(node), member) end;
  if engine.policy_true_of_nothing(v_sides ->> 'op') <> negated then
    return jsonb_build_object('op', 'or', 'args', jsonb_build_array(
      jsonb_build_object('sql', format('(%s <> ALL (ARRAY%s))', v_link, v_ids)), jsonb_build_object('sql', format('(%s IS NULL)', v_link))));
  end if;
  return jsonb_build_object('sql', format('(%s = ANY (ARRAY%s))', v_link, v_ids));
end
$$;

create or replace function engine.policy_sql(compiled jsonb, rule_id uuid, prefix text default '', member uuid default null) returns text
language sql stable set search_path = ''
  return engine.policy_print(engine.policy_tree(compiled -> 'node', false, rule_id, prefix, member));
comment on function engine.policy_sql(jsonb, uuid, text, uuid) is
  'A compiled rule of a role as the condition of a policy, as PostgreSQL prints it. With a member, what it comes to for that member.';

-- Comparisons of a rule, wherever they stand in it.
create or replace function engine.policy_atoms(node jsonb) returns setof jsonb
language plpgsql stable set search_path = ''
as $$
begin
  if engine.policy_is_atom(node) then
    return next node;
  elsif node ? 'args' then
    return query select a from jsonb_array_elements(node -> 'args') e cross join lateral engine.policy_atoms(e) a;
  end if;
end
$$;

-- Columns that rules find records by. The engine keeps an index on each, on related objects, too.
create or replace function engine.policy_indexes(workspace_id uuid, scope uuid[] default null)
returns table (object_id uuid, field_id uuid, part text)
language plpgsql stable set search_path = ''
as $$
begin
  return query
  select distinct f.object_id, f.id, s.sides #>> '{field,part}'
  from metadata.record_rules r
  cross join lateral engine.policy_atoms(r.compiled -> 'node') a
  cross join lateral (select engine.policy_sides(a) as sides) s
  join metadata.fields f on f.id = (s.sides #>> '{field,field}')::uuid
  where r.workspace_id = policy_indexes.workspace_id and (scope is null or f.object_id = any (scope))
    and s.sides ->> 'op' in ('=', 'in', '<', '<=', '>', '>=') and f.type <> 'BOOLEAN'
    -- Relations and unique fields have an index anyway.
    and f.type not in ('RELATION', 'MEMBER', 'UUID') and not f.is_unique
  union
  select o.id, f.id, 'memberId'
  from metadata.objects o join metadata.fields f on f.object_id = o.id and f.name = 'createdBy' and f.type = 'ACTOR'
  where o.workspace_id = policy_indexes.workspace_id and o.is_private and (scope is null or o.id = any (scope));
end
$$;

create or replace function engine.today() returns date
language sql stable set search_path = ''
  return (now() at time zone 'UTC')::date;

create or replace function engine.start_of_today() returns timestamptz
language sql stable set search_path = ''
  return engine.today()::timestamp at time zone 'UTC';
grant execute on function engine.today(), engine.start_of_today() to relvar_crm;
--! EndIncluded engine/permissions/policy.sql
--! Included engine/permissions/narrowing.sql
-- Under a policy PostgreSQL uses no index for a comparison that is not leakproof: a text that contains
-- another, a list that overlaps another, an exact number. So for a role that sees some records only the
-- API first asks here, as the owner, which of its records fulfil a filter, and adds their ids to its own
-- statement, which meets the table under all rules as ever. Asking less than the filter says is therefore
-- no fault: the ids only narrow. What is asked here besides, of records that the caller does not see, are
-- comparisons that cannot fail for any value, so that no error tells of one.

-- What a role sees of a table, as PostgreSQL itself has it: 'true' for every record, 'false' for none.
create or replace function engine.read_policy(caller name, relation oid) returns text
language sql stable set search_path = ''
as $$
  select case when engine.acts_as_administrator() then 'true' else coalesce((
    select case when bool_or(c.condition = 'true') then 'true' else '(' || string_agg(c.condition, ' OR ' order by c.condition) || ')' end
    from (
      select pg_catalog.pg_get_expr(p.polqual, p.polrelid) as condition
      from pg_catalog.pg_policy p
      where p.polrelid = relation and p.polcmd in ('r', '*')
        and exists (select from unnest(p.polroles) u (role) where u.role = 0 or pg_catalog.pg_has_role(caller, u.role, 'usage'))
    ) c), 'false') end
$$;
comment on function engine.read_policy(name, oid) is
  'The records of a tenant table that a role sees, as the condition of its policies; for functions that run as the owner and name one table only.';

create or replace function engine.narrowing_comparison(column_name text, pg_type text, node jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_is text := node ->> 'is';
  v_is_list boolean := coalesce(jsonb_typeof(node -> 'value') = 'array', false);
  v_value text := case when v_is_list
    then (select array(select e from jsonb_array_elements_text(node -> 'value') with ordinality u (e, n) order by n))::text else node ->> 'value' end;
  v_column text := 't.' || quote_ident(column_name);
begin
  if v_is in ('null', 'notNull') then
    return format('%s is %snull', v_column, case v_is when 'notNull' then 'not ' else '' end);
  elsif v_value is null then
    raise exception 'The filter compares "%" with nothing.', column_name using errcode = 'RV180', hint = 'Give {"column": …, "is": …, "value": …}.';
  elsif v_is in ('includes', 'notIncludes', 'startsWith') and pg_type = 'text' and not v_is_list then
    return format('%s %s %L', v_column, case v_is when 'notIncludes' then 'not ilike' else 'ilike' end,
      case v_is when 'startsWith' then '' else '%' end || regexp_replace(v_value, '([\\%_])', '\\\1', 'g') || '%');
  elsif v_is in ('=', '<>', '<', '<=', '>', '>=') and pg_type <> 'jsonb' and v_is_list = (pg_type like '%[]') then
    return format('%s %s %L::%s', v_column, v_is, v_value, pg_type);
  elsif v_is in ('in', 'notIn') and pg_type not like '%[]' and v_is_list then
    return format('%s %s (%L::%s[])', v_column, case v_is when 'in' then '= any' else '<> all' end, v_value, pg_type);
  elsif v_is in ('contains', 'overlaps') and pg_type like '%[]' and v_is_list then
    return format('%s %s %L::%s', v_column, case v_is when 'contains' then '@>' else '&&' end, v_value, pg_type);
  end if;
  raise exception 'A filter does not ask of a column of type % whether it is "%".', pg_type, v_is using errcode = 'RV180',
    hint = 'There are null, notNull, =, <>, <, <=, >, >=, in, notIn; for texts includes, notIncludes, startsWith; for lists contains, overlaps.';
end
$$;

-- The records of a table that fulfil a filter and that the caller sees, as a query for one of its columns.
-- Null where nothing of the filter can be asked: a column that the caller does not read refuses the
-- statement itself.
create or replace function engine.narrowing_query(caller name, schema_name text, table_name text, column_name text, filter jsonb, out query text, out is_limited boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_table oid;
  v_policy text;
  v_asked record;
begin
  select c.oid into v_table
  from core.workspaces w
  join metadata.objects o on o.workspace_id = w.id
  join pg_catalog.pg_class c on c.oid = to_regclass(format('%I.%I', w.schema_name, o.table_name))
  where w.schema_name = narrowing_query.schema_name and o.table_name = narrowing_query.table_name;
  if v_table is null then
    raise exception 'There is no table "%".', table_name using errcode = 'RV180', hint = 'Name the table of an object, such as people.';
  end if;
  v_policy := engine.read_policy(caller, v_table);
  is_limited := v_policy <> 'true';
  if not has_column_privilege(caller, v_table, column_name, 'select') then
    return;
  end if;
  select * into v_asked from engine.narrowing_condition(caller, schema_name, v_table, filter);
  is_limited := is_limited or v_asked.is_limited;
  if v_asked.condition is not null then
    query := format('select t.%I from %I.%I t where %s and %s', column_name, schema_name, table_name, v_asked.condition, v_policy);
  end if;
end
$$;

-- A filter is {"column", "is", "value"}; {"column", "in": {"table", "column", "filter"}} for records that are
-- related; or {"and": […]}, {"or": […]}.
create or replace function engine.narrowing_condition(caller name, schema_name text, relation oid, node jsonb, out condition text, out is_limited boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_parts text[] := '{}';
  v_part record;
  v_type text;
  v_node jsonb;
begin
  is_limited := false;
  if jsonb_typeof(node -> 'and') = 'array' or jsonb_typeof(node -> 'or') = 'array' then
    for v_node in select e from jsonb_array_elements(coalesce(node -> 'and', node -> 'or')) e loop
      select * into v_part from engine.narrowing_condition(caller, schema_name, relation, v_node);
      is_limited := is_limited or v_part.is_limited;
      v_parts := v_parts || v_part.condition;
    end loop;
    if node ? 'and' then
      condition := '(' || array_to_string(array_remove(v_parts, null), ' and ') || ')';
    elsif array_position(v_parts, null) is null then
      condition := '(' || array_to_string(v_parts, ' or ') || ')';
    end if;
    condition := nullif(condition, '()');
    return;
  end if;
  select pg_catalog.format_type(a.atttypid, a.atttypmod) into v_type
  from pg_catalog.pg_attribute a where a.attrelid = relation and a.attname = node ->> 'column' and a.attnum > 0 and not a.attisdropped;
  if not found then
    raise exception 'There is no column "%".', node ->> 'column' using errcode = 'RV180', hint = 'Name a column of the table.';
  end if;
  if node ? 'in' then
    select * into v_part from engine.narrowing_query(caller, schema_name, node #>> '{in,table}', node #>> '{in,column}', node #> '{in,filter}');
    is_limited := v_part.is_limited;
    if v_part.query is not null then
      condition := format('t.%I in (%s)', node ->> 'column', v_part.query);
    end if;
  else
    condition := engine.narrowing_comparison(node ->> 'column', v_type, node);
  end if;
  if not has_column_privilege(caller, relation, node ->> 'column', 'select') then
    condition := null;
  end if;
end
$$;

-- Whether looking through what a role sees of a table takes less than finding it by any other index.
create or replace function engine.sees_few(schema_name text, table_name text, policy text, few int) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_is_few boolean;
begin
  execute format('select count(*) <= $1 from (select from %I.%I where %s limit $1 + 1) x', schema_name, table_name, policy) into v_is_few using few;
  return v_is_few;
end
$$;
comment on function engine.sees_few(text, text, text, int) is 'Whether a condition, such as engine.read_policy gives, is true of at most so many records of a table.';

create or replace function engine.matching_ids(caller name, schema_name text, table_name text, filter jsonb, max_results int, few int, out ids uuid[], out is_worthwhile boolean)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_asked record;
  v_policy text;
  v_limit int := least(greatest(max_results, 1), 100000);
begin
  select * into v_asked from engine.narrowing_query(caller, schema_name, table_name, 'id', filter);
  is_worthwhile := v_asked.is_limited;
  if is_worthwhile and few > 0 then
    v_policy := engine.read_policy(caller, format('%I.%I', schema_name, table_name)::regclass);
    is_worthwhile := v_policy = 'true' or not engine.sees_few(schema_name, table_name, v_policy, few);
  end if;
  if is_worthwhile and v_asked.query is not null then
    execute format('select array(%s limit %s)', v_asked.query, v_limit + 1) into ids;
    if cardinality(ids) > v_limit then
      ids := null;
    end if;
  end if;
end
$$;

-- Reached only through the tenant's own function, which names the caller.
grant execute on function engine.matching_ids(name, text, text, jsonb, int, int) to relvar_crm, relvar_reader;
--! EndIncluded engine/permissions/narrowing.sql
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
-- leakproof). So the caller's rights are asked first: a role that may not read all that an object's
-- vector is made of does not search it, and where it sees some records only, the same condition as
-- that of its policies is part of the query. Of a few records each is looked at: how many have a
-- word is not known well enough for PostgreSQL to see that itself.
create or replace function engine.search(caller name, schema_name text, query text, max_results int)
returns table (object_name text, record_id uuid, label text, rank real)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_words text := '';
  v_spellings text := '';
  v_query tsquery := engine.search_query(query);
  v_limit int := least(greatest(max_results, 1), 100);
  v_from text;
  o record;
begin
  if v_query is null then
    return;
  end if;
  for o in
    select ob.name_singular, ob.table_name, ob.label_field_id is not null as has_label, engine.label_expression(ob.id, 't') as label, engine.read_policy(caller, c.oid) as policy
    from core.workspaces w
    join metadata.objects ob on ob.workspace_id = w.id
    cross join lateral (select to_regclass(format('%I.%I', w.schema_name, ob.table_name))::oid as oid offset 0) c
    where w.schema_name = search.schema_name and ob.is_active and ob.deleted_at is null and ob.is_searchable and not ob.is_system
      and has_column_privilege(caller, c.oid, 'search_vector', 'select')
    order by ob.position
  loop
    continue when o.policy = 'false';
    v_from := case when o.policy = 'true' then format('from %I.%I t where true', schema_name, o.table_name)
      when engine.sees_few(schema_name, o.table_name, o.policy, 5000) then format('from (select * from %I.%I where %s limit 5000) t where true', schema_name, o.table_name, o.policy)
      else format('from %I.%I t where %s', schema_name, o.table_name, o.policy) end;
    v_words := v_words || case when v_words = '' then '' else ' union all ' end || format(
      '(select %L::text as object_name, t.id, %s as label, ts_rank(t.search_vector, $1) as rank %s and t.search_vector @@ $1 limit 1000)', o.name_singular, o.label, v_from);
    if o.has_label then
      v_spellings := v_spellings || case when v_spellings = '' then '' else ' union all ' end || format(
        '(select %L::text as object_name, t.id, %s as label, public.word_similarity($1, engine.search_text(%2$s)) as rank %s and engine.search_text(%2$s) operator(public.%%>) $1 limit 1000)',
        o.name_singular, o.label, v_from);
    end if;
  end loop;
  if v_words = '' then
    return;
  end if;
  return query execute 'select s.object_name, s.id, s.label, s.rank from (' || v_words || ') s
    order by starts_with(engine.search_text(s.label), $3) desc, s.rank desc, length(s.label), s.id limit $2'
    using v_query, v_limit, engine.search_text(query);
  -- Nothing begins with these letters: offer labels that are spelt alike.
  if not found and v_spellings <> '' then
    return query execute 'select s.object_name, s.id, s.label, s.rank from (' || v_spellings || ') s
      order by s.rank desc, length(s.label), s.id limit $2' using engine.search_text(query), v_limit;
  end if;
end
$$;

-- Reached only through the tenant's own search_records, which names the caller.
grant execute on function engine.search(name, text, text, int) to relvar_crm;
--! EndIncluded engine/search.sql
--! Included engine/internals.sql
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
      comment on column %1$I.record_events.action is ''created, updated, deleted, restored, destroyed, shared or unshared.'';
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
    ('internal', 'record_shares', format(
      'create table %1$I.record_shares (
        id uuid primary key default %2$s, object_id uuid not null, record_id uuid not null,
        principal_kind text not null check (principal_kind in (''MEMBER'', ''TEAM'', ''ROLE'')), principal_id uuid not null,
        access text not null check (access in (''READ'', ''WRITE'')), reason text not null default '''',
        created_by uuid, created_by_name text, created_at timestamptz not null default now(), expires_at timestamptz,
        unique (object_id, record_id, principal_kind, principal_id));
      create index record_shares_principal_id_object_id_idx on %1$I.record_shares (principal_id, object_id);
      comment on column %1$I.record_shares.id is ''Identifies the share.'';
      comment on column %1$I.record_shares.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_shares.record_id is ''The record that is shared.'';
      comment on column %1$I.record_shares.principal_kind is ''With whom: MEMBER, TEAM or ROLE.'';
      comment on column %1$I.record_shares.principal_id is ''The member, the team or the role.'';
      comment on column %1$I.record_shares.access is ''READ, or WRITE: may change it, too.'';
      comment on column %1$I.record_shares.reason is ''Why, in the words of who shared it.'';
      comment on column %1$I.record_shares.created_by is ''The member who shared it.'';
      comment on column %1$I.record_shares.created_by_name is ''What the member was called at the time.'';
      comment on column %1$I.record_shares.created_at is ''When it was shared.'';
      comment on column %1$I.record_shares.expires_at is ''When the share ends; null for never.''', schema_name, engine.uuid_default()),
      '@behavior -*', 'Single records that are shared with members, teams or roles beside what their rules let them see.'),
    -- As PostgreSQL prints them, so that what stands there can be compared.
    ('function', 'share_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.share_record(object_name text, record_id uuid, principal_kind text, principal_id uuid, access text DEFAULT 'READ'::text, reason text DEFAULT ''::text, expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.share_record(CURRENT_USER, %1$L::text, object_name, record_id, principal_kind, principal_id, access, reason, expires_at) AS share_record;
END$function$, schema_name),
      null, 'Shows one record to a member, a team or a role, or lets them change it (access WRITE), for ever or until expiresAt. For who may change the record. Returns the share.'),
    ('function', 'unshare_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.unshare_record(share_id uuid)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.unshare_record(CURRENT_USER, %1$L::text, share_id) AS unshare_record;
END$function$, schema_name),
      null, 'Takes a share of a record back. False when there is none.'),
    ('function', 'shares_of_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.shares_of_record(object_name text, record_id uuid)
 RETURNS TABLE(share_id uuid, principal_kind text, principal_id uuid, principal_name text, access text, reason text, created_by_name text, created_at timestamp with time zone, expires_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 10
BEGIN ATOMIC
 SELECT s.share_id,
     s.principal_kind,
     s.principal_id,
     s.principal_name,
     s.access,
     s.reason,
     s.created_by_name,
     s.created_at,
     s.expires_at
    FROM engine.shares_of_record(CURRENT_USER, %1$L::text, shares_of_record.object_name, shares_of_record.record_id) s(share_id, principal_kind, principal_id, principal_name, access, reason, created_by_name, created_at, expires_at);
END$function$, schema_name),
      null, 'With whom a record is shared, for who may read it.'),
    ('function', 'shared_ids', format(
$function$CREATE OR REPLACE FUNCTION %1$I.shared_ids(object_id uuid, access text)
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 10
 SET search_path TO ''
BEGIN ATOMIC
 SELECT s.record_id
    FROM %1$I.record_shares s
   WHERE ((s.object_id = shared_ids.object_id) AND (s.principal_id = ANY (ARRAY( SELECT engine.my_principals() AS my_principals))) AND ((shared_ids.access = 'READ'::text) OR (s.access = 'WRITE'::text)) AND ((s.expires_at IS NULL) OR (s.expires_at > now())));
END$function$, schema_name),
      '@behavior -*', 'Ids of the records of an object that are shared with the caller, to READ or to WRITE. Policies ask it.'),
    ('function', 'search_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.search_records(query text, max_results integer DEFAULT 20)
 RETURNS TABLE(object_name text, record_id uuid, label text, rank real)
 LANGUAGE sql
 STABLE ROWS 20
BEGIN ATOMIC
 SELECT s.object_name,
     s.record_id,
     s.label,
     s.rank
    FROM engine.search(CURRENT_USER, %1$L::text, search_records.query, search_records.max_results) s(object_name, record_id, label, rank);
END$function$, schema_name),
      null, 'Records whose words begin with the words of the query, or whose label is spelt alike, best first.'),
    ('function', 'matching_ids', format(
$function$CREATE OR REPLACE FUNCTION %1$I.matching_ids(table_name text, filter jsonb, max_results integer DEFAULT 20000, few integer DEFAULT 0, OUT ids uuid[], OUT is_worthwhile boolean)
 RETURNS record
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT m.ids,
     m.is_worthwhile
    FROM engine.matching_ids(CURRENT_USER, %1$L::text, matching_ids.table_name, matching_ids.filter, matching_ids.max_results, matching_ids.few) m(ids, is_worthwhile);
END$function$, schema_name),
      '@behavior -*', 'Ids of the records of a table that fulfil a filter, of those that the caller sees, found by indexes which PostgreSQL does not use under a rule. Null for more than max_results. Not worth asking where no rule limits the caller, or where he sees at most a few.'),
    ('function', 'find_duplicates', format(
$function$CREATE OR REPLACE FUNCTION %1$I.find_duplicates(object_name text, INOUT record_id uuid, max_results integer DEFAULT 20, OUT label text, OUT criteria jsonb)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE ROWS 5
BEGIN ATOMIC
 SELECT d.record_id,
     d.label,
     d.criteria
    FROM engine.visible_duplicates(engine.duplicate_candidates(CURRENT_USER, %1$L::text, find_duplicates.object_name, find_duplicates.record_id, NULL::jsonb), find_duplicates.max_results) d(record_id, label, criteria);
END$function$, schema_name),
      null, 'Records that are like a record by the criteria of their object, with the fields that they share.'),
    ('function', 'find_duplicates_of', format(
$function$CREATE OR REPLACE FUNCTION %1$I.find_duplicates_of(object_name text, data jsonb, max_results integer DEFAULT 20)
 RETURNS TABLE(record_id uuid, label text, criteria jsonb)
 LANGUAGE sql
 STABLE ROWS 5
BEGIN ATOMIC
 SELECT d.record_id,
     d.label,
     d.criteria
    FROM engine.visible_duplicates(engine.duplicate_candidates(CURRENT_USER, %1$L::text, find_duplicates_of.object_name, NULL::uuid, find_duplicates_of.data), find_duplicates_of.max_results) d(record_id, label, criteria);
END$function$, schema_name),
      null, 'The same for values that are not saved yet, named as when a record is created.'),
    ('function', 'record_history', format(
$function$CREATE OR REPLACE FUNCTION %1$I.record_history(object_name text, record_id uuid, max_results integer DEFAULT 50, before_batch bigint DEFAULT NULL::bigint)
 RETURNS TABLE(batch bigint, seq integer, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT h.batch,
     h.seq,
     h.action,
     h.before,
     h.after,
     h.actor_type,
     h.actor_id,
     h.actor_name,
     h.source,
     h.happened_at
    FROM engine.record_history(CURRENT_USER, %1$L::text, record_history.object_name, record_history.record_id, record_history.max_results, record_history.before_batch) h(batch, seq, action, before, after, actor_type, actor_id, actor_name, source, happened_at);
END$function$, schema_name),
      null, 'What happened to a record, the latest first: of a record that the caller may read, the fields that the caller may read.'),
    ('function', 'deleted_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.deleted_records(object_name text, max_results integer DEFAULT 50, skip integer DEFAULT 0)
 RETURNS TABLE(record_id uuid, label text, data jsonb, deleted_at timestamp with time zone, deleted_by_name text)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT d.record_id,
     d.label,
     d.data,
     d.deleted_at,
     d.deleted_by_name
    FROM engine.deleted_records(CURRENT_USER, %1$L::text, deleted_records.object_name, deleted_records.max_results, deleted_records.skip) d(record_id, label, data, deleted_at, deleted_by_name);
END$function$, schema_name),
      null, 'Deleted records of an object that the caller could read while they were there, with the fields that the caller may read, the latest first.'),
    ('function', 'restore_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.restore_record(object_name text, record_id uuid)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.restore_record(CURRENT_USER, %1$L::text, object_name, record_id) AS restore_record;
END$function$, schema_name),
      null, 'Puts a deleted record back, with what its deletion took along and the links that it cut. False when it is not in the trash.'),
    ('function', 'destroy_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.destroy_record(object_name text, record_id uuid)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.destroy_record(CURRENT_USER, %1$L::text, object_name, record_id) AS destroy_record;
END$function$, schema_name),
      null, 'Takes a deleted record out of the trash for good. False when it is not there.')
  ) as v (kind, key, definition, tags, description)
$$;
--! EndIncluded engine/internals.sql
--! Included engine/permissions/grants.sql
-- What to grant and to revoke between two sets of privileges on a table, as facts write them: "delete,
-- insert (a, b), select". Each column that a statement names costs PostgreSQL a row of its catalogue, so
-- what stays is not touched.

create or replace function engine.privileges(definition text) returns table (privilege text, columns text[])
language sql immutable parallel safe set search_path = ''
as $$
  select m[1], case when m[2] is not null then array(select c[1] from regexp_matches(m[2], '"(?:[^"]|"")*"|[^", ]+', 'g') c) end
  from regexp_matches(definition, '([a-z]+)(?: \(((?:"(?:[^"]|"")*"|[^")])*)\))?(?:, |$)', 'g') m
$$;
comment on function engine.privileges(text) is 'Privileges on a table, one by one: with the columns that each is for, quoted as they need to be, or null for the whole table.';

create or replace function engine.grant_change(have text, want text, out revoked text, out granted text)
language sql immutable parallel safe set search_path = ''
as $$
  with change as (
    select privilege, h.privilege is not null as is_had, w.privilege is not null as is_wanted,
      case when h.columns is not null and w.columns is not null then array(select c from unnest(h.columns) c where c <> all (w.columns)) end as less,
      case when h.columns is not null and w.columns is not null then array(select c from unnest(w.columns) c where c <> all (h.columns)) else w.columns end as more,
      -- From the whole table to some columns, or back.
      (h.columns is null) <> (w.columns is null) as is_other
    from engine.privileges(have) h full join engine.privileges(want) w using (privilege)
  )
  select
    string_agg(privilege || coalesce(' (' || array_to_string(less, ', ') || ')', ''), ', ' order by privilege) filter (where is_had and (not is_wanted or is_other or less <> '{}')),
    string_agg(privilege || coalesce(' (' || array_to_string(more, ', ') || ')', ''), ', ' order by privilege) filter (where is_wanted and (not is_had or is_other or more <> '{}'))
  from change
$$;
comment on function engine.grant_change(text, text) is 'The privileges to revoke and those to grant so that what a role has becomes what it should have; null for none.';
--! EndIncluded engine/permissions/grants.sql
--! Included engine/online/queue.sql
-- What would keep people from a large table is not done in the transaction that changes the model:
-- it is written down here, and a job does it while everybody goes on working.

create or replace function engine.online_kind(d engine.difference) returns text
language sql stable set search_path = ''
as $$
  select case
    when (d).is_extra then null
    -- Numbering that has begun is ended, however few records are left.
    when (d).kind = 'column' and ((d).want).default_expr ~ '^identity ' and ((d).have).default_expr ~ '^nextval' then 'NUMBER'
    when (d).row_estimate <= (select s.online_rows from engine.settings s) then null
    when (d).kind = 'index' and ((d).is_missing or (d).is_recreated) then 'INDEX'
    when (d).kind = 'constraint' and ((d).want).definition !~ '^(primary key|unique)' and ((d).is_missing or (d).is_recreated or not ((d).have).not_null) then 'VALIDATE'
    when (d).kind = 'column' and (d).is_missing and ((d).want).default_expr ~ '^identity ' then 'NUMBER'
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

create or replace function engine.queue_online(workspace_id uuid, differences engine.difference[], scope uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
begin
  -- What failed and is not wanted any more is nobody's worry. A fill is wanted until it is done.
  delete from metadata.online_changes c
  where c.workspace_id = queue_online.workspace_id and c.status = 'FAILED' and c.kind not in ('TYPE', 'BACKFILL') and (scope is null or c.object_id = any (scope))
    and not exists (select from unnest(differences) d where d.kind || ' ' || d.key = c.key and not d.is_extra);
  insert into metadata.online_changes as c (workspace_id, object_id, key, kind, statement, rows_total)
  select queue_online.workspace_id, (d.want).table_key::uuid, d.kind || ' ' || d.key, engine.online_kind(d), case d.kind when 'column' then (d.want).name else coalesce((d.want).definition, (d.want).name) end, d.row_estimate
  from unnest(differences) d where d.kind in ('column', 'constraint', 'index') and engine.online_kind(d) is not null
  on conflict (workspace_id, key) where status <> 'DONE' do update
    set kind = excluded.kind, statement = excluded.statement, status = 'QUEUED', rows_done = 0, last_id = null, rows_total = excluded.rows_total, attempts = 0, error = null
    -- A column that is computed otherwise than a moment ago is filled from the beginning.
    where c.status = 'FAILED' or c.kind = 'BACKFILL' or c.statement <> excluded.statement;
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
    return query select t.* from metadata.objects o
      cross join engine.computed_trigger(o, '_050_' || v_name, format('before insert or update on %%s for each row execute function %I.%I()', schema_name, v_name)) t
      where o.id = v_field.object_id;
  end loop;
end
$$;
--! EndIncluded engine/online/queue.sql
--! Included engine/difference.sql
-- Desired against actual: every fact that is missing, extra or not as it should be.

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
  return query select * from engine.desired_duplicate_indexes(workspace_id, scope);
  return query select * from engine.desired_policy_indexes(workspace_id, scope);
  return query select * from engine.desired_triggers(workspace_id, scope, v_spec);
  return query select * from engine.desired_computed(workspace_id, schema_name, scope);
  return query select * from engine.desired_conversions(workspace_id, schema_name, scope);
  return query select * from engine.desired_security(workspace_id, scope);
  if scope is null then
    return query select * from engine.desired_internals(workspace_id, schema_name);
    return query select * from engine.desired_roles(workspace_id);
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
  ), modelled as materialized (
    select * from engine.desired(workspace_id, schema_name, (select l.scope from linked l))
  ), have as materialized (
    -- What somebody made beside the engine (a table, a column, an index, a trigger) is theirs and stays;
    -- a policy or a grant is not, since it opens what the engine keeps shut.
    select * from engine.actual(schema_name, (select l.scope from linked l)) a where a.key is not null and (a.kind = 'policy' or a.key !~ '(^| )unmanaged:')
  ), kept as materialized (
    -- A stored column rewrites its table when it is added or comes to be computed otherwise. On a large
    -- table it is a plain one instead, which a trigger keeps; and what is plain once stays so.
    select m.*
    from modelled m
    join have t on t.kind = 'table' and t.key = m.table_key
    left join have h on h.kind = 'column' and h.key = m.key
    where m.kind = 'column' and m.definition = 'stored'
      and case when h.generated_expr is null and h.key is not null then true
        when split_part(m.comment, E'\n', 1) is distinct from split_part(h.comment, E'\n', 1) then engine.row_estimate(t.oid) > (select s.online_rows from engine.settings s)
        else false end
  ), want as materialized (
    select m.kind, m.key, m.table_key, m.table_name, m.name, case when k.key is null then m.definition else 'kept' end as definition, m.comment, m.pg_type, m.not_null, m.default_expr,
      case when k.key is null then m.generated_expr end as generated_expr, m.oid
    from modelled m left join kept k on m.kind = 'column' and k.key = m.key
    union all
    select * from engine.desired_kept(workspace_id, schema_name, array(select row(k.*)::engine.fact from kept k))
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
        when 'policy' then (p.want).definition is distinct from (p.have).definition
        when 'function' then p.is_rebased
        -- not_null of an actual index says whether it is valid.
        when 'index' then p.is_rebased or not (p.have).not_null
        -- A generated column is compared by what it depends on, which its comment bears.
        when 'column' then ((p.want).generated_expr is not null or (p.have).generated_expr is not null)
          and (p.is_rebased or (p.want).generated_expr is null or (p.have).generated_expr is null)
          -- What is stored becomes plain in place.
          and not coalesce((p.want).definition = 'kept' and (p.have).definition = 'stored', false)
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
  ), shaken as materialized (
    -- Privileges stay with a column through its rename, and go with one that is made anew. Where names change hands they are given anew.
    select distinct (j.have).table_key as table_key, j.is_recreated from judged j
    where j.kind = 'column' and not j.is_missing and not j.is_extra and ((j.want).name <> (j.have).name or j.is_recreated)
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
    or (j.kind = 'grant' and (j.want).table_key in (select s.table_key from shaken s where not s.is_recreated))
    or (j.kind = 'grant' and (j.want).definition like '%select (%' and (j.want).table_key in (select s.table_key from shaken s where s.is_recreated))
    or (j.kind = 'column' and ((j.want).pg_type <> (j.have).pg_type or (j.want).not_null <> (j.have).not_null
      or ((j.want).generated_expr is null and (j.want).default_expr is distinct from (j.have).default_expr)))
$$;
comment on function engine.difference(uuid, text, uuid[], boolean) is 'Facts in which a tenant schema differs from its metadata, but for differences that are ignored.';
--! EndIncluded engine/difference.sql
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

--! Included core/oauth_clients.sql
-- Apps that may ask for access (OAuth 2.1 clients). A workspace registers its own; others register themselves (RFC 7591), belong
-- to no workspace, and are used in those that let them in. Members decide for themselves, by consent.

-- What an app may be granted. Rights come from the role of whom it acts for; a scope only takes away from them.
create or replace function core.oauth_scopes() returns table (scope text, is_api boolean, sentence text)
language sql immutable parallel safe set search_path = ''
as $$
  select * from (values
    ('openid', false, 'Know which member you are'),
    ('profile', false, 'See your name and picture'),
    ('email', false, 'See your e-mail address'),
    ('api:read', true, 'See the records that you see, and nothing else'),
    ('api', true, 'See and change records as you may'),
    ('settings', true, 'Change the data model, layouts and workflows as far as you may'),
    ('offline_access', false, 'Stay connected until you disconnect it')
  ) as s (scope, is_api, sentence)
$$;

create or replace function core.list_oauth_scopes() returns table (scope text, is_api boolean)
language sql stable security definer set search_path = ''
as $$ select s.scope, s.is_api from core.oauth_scopes() s $$;

-- Where codes may be sent: to a host that is proved by its certificate, to this machine, or to a program on it. No user
-- information, no fragment, and no scheme that a browser runs or opens by itself (RFC 9700, section 4.1).
create or replace function core.is_redirect_uri(uri text) returns boolean
language sql immutable parallel safe set search_path = ''
as $$
  select uri ~ '^[!-~]+$' and length(uri) <= 2000 and uri !~ '[#\\<>"`{}|^]' and (
    uri ~* '^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?([/?].*)?$'
    or uri ~* '^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?([/?].*)?$'
    or uri ~* '^[a-z][a-z0-9+.-]*:/[^@]*$' and lower(split_part(uri, ':', 1)) <> all ('{http,https,ws,wss,ftp,file,javascript,vbscript,data,blob,about,view-source,mailto,tel,sms,intent,content,chrome,resource,jar,ms-appx-web}'))
$$;

create or replace function core.assert_redirect_uris(uris text[]) returns void
language plpgsql immutable set search_path = ''
as $$
declare
  v_bad text := (select u from unnest(uris) u where core.is_redirect_uri(u) is not true limit 1);
begin
  if v_bad is not null or cardinality(uris) > 20 then
    raise exception 'Nobody can be sent back to "%".', left(coalesce(v_bad, 'more than 20 addresses'), 200) using errcode = 'RV146', column = 'redirectUris',
      hint = 'Give an https address, http at localhost or 127.0.0.1, or a scheme of your own such as com.example.app:/callback; without user name and fragment.';
  end if;
end
$$;

-- Whether a workspace lets an app in. Its own unless blocked; others as was decided for the one, else for all of them.
create or replace function core.may_use_client(client core.oauth_clients, workspace_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select ((client).workspace_id is null or (client).workspace_id = may_use_client.workspace_id)
    and coalesce(
      (select d.is_allowed from core.oauth_decisions d where d.workspace_id = may_use_client.workspace_id and d.client_id = (client).id),
      (client).workspace_id is not null or (select s.allows_other_apps from core.workspace_settings s where s.workspace_id = may_use_client.workspace_id))
$$;

-- A client as the protocol describes it (RFC 7591). In place of the secret stands its hash.
create or replace function core.find_oauth_client(client_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'client_id', c.id, 'client_name', c.name, 'redirect_uris', c.redirect_uris, 'grant_types', c.grant_types,
    'response_types', case when 'authorization_code' = any (c.grant_types) then '["code"]' else '[]' end::jsonb,
    'token_endpoint_auth_method', c.auth_method, 'client_secret', encode(c.secret_hash, 'hex'),
    -- A loopback address may come with any port (RFC 8252), which the protocol calls native.
    'application_type', case when exists (select from unnest(c.redirect_uris) u where u !~* '^https:') then 'native' else 'web' end))
  from core.oauth_clients c
  where c.id = find_oauth_client.client_id and (c.workspace_id is null or core.may_use_client(c, c.workspace_id))
$$;

create or replace function core.register_oauth_client(client_id uuid, metadata jsonb, secret_hash bytea, ip inet, user_agent text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_uris text[] := array(select jsonb_array_elements_text(metadata -> 'redirect_uris'));
  v_name text := left(coalesce(nullif(btrim(metadata ->> 'client_name'), ''), 'An app without a name'), 100);
begin
  perform core.assert_redirect_uris(v_uris);
  insert into core.oauth_clients (id, name, redirect_uris, grant_types, auth_method, secret_hash, created_by_ip)
  values (register_oauth_client.client_id, v_name, v_uris, array(select jsonb_array_elements_text(metadata -> 'grant_types')),
    metadata ->> 'token_endpoint_auth_method', register_oauth_client.secret_hash, ip);
  perform core.note_auth_event('APP_REGISTERED', ip => register_oauth_client.ip, user_agent => register_oauth_client.user_agent,
    detail => jsonb_build_object('app', v_name, 'clientId', client_id));
end
$$;
comment on function core.register_oauth_client(uuid, jsonb, bytea, inet, text) is 'Takes an app that registers itself (RFC 7591). It can do nothing before a member lets it.';

create or replace function core.workspace_of_app(client_id uuid) returns uuid
language sql stable security definer set search_path = ''
as $$ select c.workspace_id from core.oauth_clients c where c.id = workspace_of_app.client_id $$;

-- Seconds since 1970, as the protocol counts.
create or replace function core.session_began(session_id uuid) returns double precision
language sql stable security definer set search_path = ''
as $$ select floor(extract(epoch from s.created_at)) from core.sessions s where s.id = session_began.session_id $$;

grant execute on function core.list_oauth_scopes(), core.find_oauth_client(uuid), core.register_oauth_client(uuid, jsonb, bytea, inet, text),
  core.workspace_of_app(uuid), core.session_began(uuid) to relvar_server;
--! EndIncluded core/oauth_clients.sql
--! Included core/oauth_grants.sql
-- What a member has let an app do, in one workspace. It ends with the membership, by the member, by an administrator, by the app,
-- or because somebody came with a code or token that had been used.

-- Who signs in with an app, as OpenID says it; nobody whose membership has ended.
create or replace function core.oauth_account(member_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object('sub', m.id, 'name', m.name, 'given_name', core.first_name(m.name), 'family_name', core.last_name(m.name),
    'email', u.email, 'email_verified', core.is_email_verified(u.id)))
  from core.members m join core.users u on u.id = m.user_id
  where m.id = oauth_account.member_id and m.is_active and u.disabled_at is null
$$;

create or replace function core.find_oauth_grant(grant_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('accountId', g.member_id, 'clientId', g.client_id, 'iat', floor(extract(epoch from g.created_at)),
      'openid', jsonb_build_object('scope', array_to_string(array(select s.scope from core.oauth_scopes() s where not s.is_api and s.scope = any (g.scopes)), ' ')))
    || case when g.resource is null then '{}' else jsonb_build_object('resources', jsonb_build_object(g.resource,
      array_to_string(array(select s.scope from core.oauth_scopes() s where s.is_api and s.scope = any (g.scopes)), ' '))) end
  from core.oauth_grants g join core.oauth_clients c on c.id = g.client_id
  where g.id = find_oauth_grant.grant_id and g.ended_at is null and core.may_use_client(c, g.workspace_id)
$$;

-- What the page of consent says. Remembered is an app that may do all this already, unless everybody on the member's machine could
-- pass for it: then only the press of a button tells.
create or replace function core.look_at_consent(member_id uuid, client_id uuid, scopes text[], resource text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('app', jsonb_build_object('id', c.id, 'name', c.name, 'createdAt', c.created_at, 'createdByName', c.created_by_name,
      'isOwn', c.workspace_id is not null, 'isApproved', c.workspace_id is not null or coalesce(d.is_allowed, false)),
    'workspace', jsonb_build_object('id', w.id, 'name', w.name), 'memberName', m.name, 'roleName', r.name,
    'isAllowed', core.may_use_client(c, w.id),
    'appWorkspaceName', (select o.name from core.workspaces o where o.id = c.workspace_id and o.id <> w.id
      and exists (select from core.members x where x.workspace_id = o.id and x.user_id = m.user_id and x.is_active)),
    'isRemembered', exists (select from core.oauth_grants g where g.member_id = m.id and g.client_id = c.id and g.ended_at is null and g.resource is not distinct from look_at_consent.resource
      and g.scopes @> look_at_consent.scopes) and not exists (select from unnest(c.redirect_uris) u where u !~* '^https:'),
    'scopes', (select jsonb_agg(jsonb_build_object('scope', s.scope, 'sentence', s.sentence)) from core.oauth_scopes() s
      -- A refresh token is a lasting connection, whether the app has named it or not.
      where s.scope = any (look_at_consent.scopes) or s.scope = 'offline_access' and 'refresh_token' = any (c.grant_types) and 'openid' <> all (look_at_consent.scopes)))
  from core.members m
  join core.workspaces w on w.id = m.workspace_id
  join metadata.roles r on r.id = m.role_id
  join core.oauth_clients c on c.id = look_at_consent.client_id
  left join core.oauth_decisions d on d.workspace_id = w.id and d.client_id = c.id
  where m.id = look_at_consent.member_id and m.is_active
$$;

create or replace function core.consent_to_client(member_id uuid, client_id uuid, scopes text[], resource text, ip inet, user_agent text) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_client core.oauth_clients;
  v_member core.members;
  v_id uuid;
begin
  select * into v_client from core.oauth_clients c where c.id = consent_to_client.client_id;
  select m.* into v_member from core.members m join core.users u on u.id = m.user_id
  where m.id = consent_to_client.member_id and m.is_active and u.disabled_at is null;
  if v_client.id is null or v_member.id is null or not core.may_use_client(v_client, v_member.workspace_id) then
    perform core.note_auth_event('APP_REFUSED', v_member.workspace_id, v_member.user_id, null, consent_to_client.ip, consent_to_client.user_agent,
      jsonb_build_object('app', v_client.name, 'clientId', consent_to_client.client_id));
    return null;
  end if;
  insert into core.oauth_grants (client_id, workspace_id, member_id, scopes, resource)
  values (v_client.id, v_member.workspace_id, v_member.id,
    array(select s.scope from core.oauth_scopes() s where s.scope = any (consent_to_client.scopes)), consent_to_client.resource)
  returning id into v_id;
  perform core.note_auth_event('APP_CONNECTED', v_member.workspace_id, v_member.user_id, null, consent_to_client.ip, consent_to_client.user_agent,
    jsonb_build_object('app', v_client.name, 'clientId', v_client.id, 'scopes', array_to_string(consent_to_client.scopes, ' ')));
  return v_id;
end
$$;
comment on function core.consent_to_client(uuid, uuid, text[], text, inet, text) is
  'Lets an app act for a member within scopes; null, and a line in the audit, where the workspace does not let the app in.';

-- Every server remembers for some seconds who came with which token, so each is told.
create or replace function core.end_oauth_grant(grant_id uuid, reason text, ip inet default null, user_agent text default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_grant core.oauth_grants;
begin
  update core.oauth_grants g set ended_at = now(), ended_reason = reason where g.id = grant_id and g.ended_at is null returning g.* into v_grant;
  if not found then
    return false;
  end if;
  delete from core.oauth_tokens t where t.grant_id = end_oauth_grant.grant_id;
  perform pg_notify('relvar_identity', json_build_object('grant', grant_id)::text);
  perform core.note_auth_event(case when reason = 'REUSED' then 'APP_TOKEN_REUSED' else 'APP_DISCONNECTED' end, v_grant.workspace_id,
    (select m.user_id from core.members m where m.id = v_grant.member_id), null, ip, user_agent,
    (select jsonb_build_object('app', c.name, 'clientId', c.id, 'reason', reason) from core.oauth_clients c where c.id = v_grant.client_id));
  return true;
end
$$;
comment on function core.end_oauth_grant(uuid, text, inet, text) is
  'Ends what a member let an app do, with all its tokens, on all servers within a moment. False when it had ended already.';

grant execute on function core.oauth_account(uuid), core.find_oauth_grant(uuid), core.look_at_consent(uuid, uuid, text[], text),
  core.consent_to_client(uuid, uuid, text[], text, inet, text), core.end_oauth_grant(uuid, text, inet, text) to relvar_server;
--! EndIncluded core/oauth_grants.sql
--! Included core/oauth_tokens.sql
-- Codes, tokens, and what the authorization server remembers between two requests. Each is found by the hash of what its holder
-- has; what is kept beside it names no secret.

create or replace function core.save_oauth_token(model text, id_hash bytea, payload jsonb, expires_at timestamptz, user_code_hash bytea default null) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into core.oauth_tokens as t (model, id_hash, payload, expires_at, user_code_hash, client_id, grant_id, scopes, resource)
  values (save_oauth_token.model, save_oauth_token.id_hash, save_oauth_token.payload, save_oauth_token.expires_at, save_oauth_token.user_code_hash,
    (save_oauth_token.payload ->> 'clientId')::uuid, (save_oauth_token.payload ->> 'grantId')::uuid,
    string_to_array(coalesce(save_oauth_token.payload ->> 'scope', ''), ' '), save_oauth_token.payload ->> 'aud')
  on conflict on constraint oauth_tokens_pkey do update set payload = excluded.payload, expires_at = excluded.expires_at, grant_id = excluded.grant_id
$$;

create or replace function core.find_oauth_token(model text, id_hash bytea) returns table (payload jsonb, consumed_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select t.payload, t.consumed_at from core.oauth_tokens t where t.model = find_oauth_token.model and t.id_hash = find_oauth_token.id_hash
$$;

create or replace function core.find_oauth_user_code(user_code_hash bytea) returns table (id_hash bytea, payload jsonb, consumed_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select t.id_hash, t.payload, t.consumed_at from core.oauth_tokens t where t.user_code_hash = find_oauth_user_code.user_code_hash and t.expires_at > now()
$$;

-- The update is what decides: of two requests with one code or refresh token the second was not meant to have it, and what was
-- granted ends with all that came of it.
create or replace function core.use_oauth_token(model text, id_hash bytea, ip inet, user_agent text) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update core.oauth_tokens t set consumed_at = now()
  where t.model = use_oauth_token.model and t.id_hash = use_oauth_token.id_hash and t.consumed_at is null;
  if found then
    return true;
  end if;
  perform core.end_oauth_grant(t.grant_id, 'REUSED', use_oauth_token.ip, use_oauth_token.user_agent)
  from core.oauth_tokens t where t.model = use_oauth_token.model and t.id_hash = use_oauth_token.id_hash and t.grant_id is not null;
  return false;
end
$$;

create or replace function core.drop_oauth_token(model text, id_hash bytea) returns void
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_client uuid;
begin
  delete from core.oauth_tokens t where t.model = drop_oauth_token.model and t.id_hash = drop_oauth_token.id_hash returning t.client_id into v_client;
  if v_client is not null and drop_oauth_token.model in ('AccessToken', 'ClientCredentials') then
    perform pg_notify('relvar_identity', json_build_object('application', v_client)::text);
  end if;
end
$$;

-- Whom a token acts for: the member who let the app, with the member's role, or the app itself with its own. Scopes take away:
-- without one of the API a token opens nothing, and without "api" its transactions only read.
drop function if exists core.resolve_oauth_token(bytea, text[]);
create function core.resolve_oauth_token(token_hash bytea, resources text[])
returns table (workspace_id uuid, workspace_slug text, workspace_name text, schema_name text, pg_role text, role_name text, member_id uuid, user_id uuid,
  api_key_id uuid, email text, display_name text, model_version bigint, shape text, session_id uuid, rate_limit int, impersonator_id uuid, impersonator_name text,
  application_id uuid, application_name text, grant_id uuid, scopes text, is_read_only boolean)
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, m.id, u.id, null::uuid, u.email, coalesce(m.name, c.name), w.model_version, w.shape,
    null::uuid, c.rate_limit, null::uuid, null::text, c.id, c.name, g.id, array_to_string(t.scopes, ' '), not 'api' = any (t.scopes)
  from core.oauth_tokens t
  join core.oauth_clients c on c.id = t.client_id
  left join core.oauth_grants g on g.id = t.grant_id and g.ended_at is null
  left join core.members m on m.id = g.member_id and m.is_active
  left join core.users u on u.id = m.user_id and u.disabled_at is null
  join metadata.roles r on r.id = case t.model when 'AccessToken' then m.role_id else c.role_id end
  join core.workspaces w on w.id = r.workspace_id
  where t.id_hash = resolve_oauth_token.token_hash and t.model in ('AccessToken', 'ClientCredentials') and t.expires_at > now()
    and t.scopes && '{api,api:read}' and t.resource = any (resources)
    and (t.model = 'ClientCredentials' or u.id is not null)
    and core.may_use_client(c, w.id)
$$;
comment on function core.resolve_oauth_token(bytea, text[]) is 'Who comes with an access token of an app, and what it may do at one of these resources; nobody once it has ended.';

create or replace function core.note_app_use(client_id uuid, grant_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.oauth_clients c set last_used_at = now()
  where c.id = note_app_use.client_id and (c.last_used_at is null or c.last_used_at < now() - interval '1 minute');
  update core.oauth_grants g set last_used_at = now()
  where g.id = note_app_use.grant_id and (g.last_used_at is null or g.last_used_at < now() - interval '1 minute');
$$;

-- Refresh tokens that were used are kept as long as they would have been good for, so that theft is noticed. A consent that
-- nobody has used for a month is forgotten, and so is an app that registered itself and was let in by nobody.
create or replace function core.purge_oauth() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  delete from core.oauth_tokens t where t.expires_at < now() - case when t.grant_id is null then interval '0' else interval '1 day' end;
  get diagnostics v_count = row_count;
  delete from core.oauth_grants g
  where greatest(g.created_at, g.last_used_at, g.ended_at) < now() - interval '30 days'
    and not exists (select from core.oauth_tokens t where t.grant_id = g.id);
  delete from core.oauth_clients c
  where c.workspace_id is null and greatest(c.created_at, c.last_used_at) < now() - interval '30 days'
    and not exists (select from core.oauth_grants g where g.client_id = c.id)
    and not exists (select from core.oauth_decisions d where d.client_id = c.id);
  return v_count;
end
$$;
comment on function core.purge_oauth() is 'Forgets codes and tokens that have run out, and apps that nobody uses. Returns how many tokens.';

grant execute on function core.save_oauth_token(text, bytea, jsonb, timestamptz, bytea), core.find_oauth_token(text, bytea), core.find_oauth_user_code(bytea),
  core.use_oauth_token(text, bytea, inet, text), core.drop_oauth_token(text, bytea), core.resolve_oauth_token(bytea, text[]), core.note_app_use(uuid, uuid) to relvar_server;
grant execute on function core.purge_oauth() to relvar_worker;
--! EndIncluded core/oauth_tokens.sql
--! Included metadata/roles.sql
-- Roles as part of the model: in manifests, plans and reverts they are spoken of by their names. What
-- makes a role of this workspace one, who has it and by which role of PostgreSQL, is never moved.
-- Columns that the tables gain are taken along by themselves.

-- What a role, or a row of its rights, says: all but what ties it to this workspace.
create or replace function engine.role_columns(target regclass) returns text[]
language sql stable set search_path = ''
as $$
  select array_agg(a.attname::text order by a.attnum) from pg_catalog.pg_attribute a
  where a.attrelid = target and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and a.attname <> all ('{id,workspace_id,role_id,pg_role,is_system,application_id,universal_identifier,created_at,compiled}')
$$;

-- Tables of what a role may do, each row of which belongs to a role: the key in a manifest, the
-- table, and the column by which the rows of one role are told apart.
create or replace function engine.role_parts()
returns table (part text, table_name text, key_column text)
language sql immutable set search_path = ''
as $$ values ('permissions', 'object_permissions', 'object_id'), ('fieldPermissions', 'field_permissions', 'field_id'), ('recordRules', 'record_rules', 'name') $$;

-- What a column is called in a manifest, where "permissions" are those on objects.
create or replace function engine.role_key(target regclass, name text) returns text
language sql immutable set search_path = ''
  return case when target = 'metadata.roles'::regclass and name = 'permissions' then 'flags' else engine.camel_case(name) end;

-- A row by its names in the API; what it points to is named in words.
create or replace function engine.role_row_manifest(target regclass, workspace_id uuid, "row" jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  select engine.references_by_name(role_row_manifest.workspace_id, coalesce(jsonb_object_agg(engine.role_key(target, c), "row" -> c) filter (where c <> 'object_id'), '{}'))
    || case when "row" ? 'object_id' then jsonb_build_object('object', (select o.name_singular from metadata.objects o where o.id = ("row" ->> 'object_id')::uuid)) else '{}' end
  from unnest(engine.role_columns(target)) c
$$;

-- The other way: "object": "company" is the reference object:company. What is not said is what the
-- column is by default; what is not allowed is not.
create or replace function engine.role_row_values(target regclass, value jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_values jsonb := '{}';
  v_one jsonb;
  r record;
begin
  for r in
    select c.name, a.attnotnull as is_required, pg_catalog.pg_get_expr(d.adbin, d.adrelid) as default_expr
    from unnest(engine.role_columns(target)) c (name)
    join pg_catalog.pg_attribute a on a.attrelid = target and a.attname = c.name
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  loop
    v_one := nullif(value -> engine.role_key(target, r.name), 'null');
    if r.name = 'object_id' then
      v_one := to_jsonb('object:' || (value ->> 'object'));
    elsif v_one is null and r.name ~ '^can_' and r.is_required then
      v_one := 'false';
    elsif v_one is null and target = 'metadata.record_rules'::regclass and r.name = 'name' then
      v_one := to_jsonb(concat_ws(' ', coalesce(value ->> 'action', 'READ'), value ->> 'object'));
    elsif v_one is null and r.default_expr is not null then
      execute 'select to_jsonb(' || r.default_expr || ')' into v_one;
    end if;
    v_values := v_values || jsonb_build_object(r.name, v_one);
  end loop;
  return v_values;
end
$$;

create or replace function engine.role_manifest(role metadata.roles) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_manifest jsonb := engine.role_row_manifest('metadata.roles', (role).workspace_id, to_jsonb(role))
    || case when (role).is_system then '{"isSystem": true}' else '{}' end::jsonb || jsonb_strip_nulls(jsonb_build_object('universalIdentifier', (role).universal_identifier));
  v_rows jsonb;
  r record;
begin
  for r in select * from engine.role_parts() loop
    execute format($sql$
      select coalesce(jsonb_agg(m.value order by m.value ->> 'object', m.value::text), '[]')
      from metadata.%1$I t cross join lateral (select engine.role_row_manifest('metadata.%1$I', t.workspace_id, to_jsonb(t)) as value) m
      where t.role_id = $1 and m.value -> 'object' is distinct from 'null'
        and (m.value ->> 'object' is null or exists (select from metadata.objects o where o.workspace_id = t.workspace_id and o.name_singular = m.value ->> 'object' and o.deleted_at is null))
    $sql$, r.table_name) into v_rows using (role).id;
    v_manifest := v_manifest || jsonb_build_object(r.part, v_rows);
  end loop;
  return v_manifest;
end
$$;

-- What the roles of a workspace may do, one row of any of the tables each.
create or replace function engine.role_part_rows(workspace_id uuid)
returns table (part text, table_name text, id uuid, role_id uuid, key text)
language plpgsql stable set search_path = ''
as $$
declare
  r record;
begin
  for r in select * from engine.role_parts() loop
    return query execute format('select %L::text, %L::text, t.id, t.role_id, t.%I::text from metadata.%2$I t where t.workspace_id = $1', r.part, r.table_name, r.key_column)
      using role_part_rows.workspace_id;
  end loop;
end
$$;

-- Who holds a role, in words.
create or replace function engine.role_holders(role_id uuid) returns text[]
language sql stable set search_path = ''
as $$
  select array(
    select format('the member %s', m.name) from core.members m where m.role_id = role_holders.role_id
    union all
    select format('the API key "%s"', k.name) from core.api_keys k where k.role_id = role_holders.role_id
    union all
    select format('the app "%s"', c.name) from core.oauth_clients c where c.role_id = role_holders.role_id
    union all
    select format('the webhook "%s"', coalesce(nullif(h.name, ''), h.target_url)) from metadata.webhooks h where h.role_id = role_holders.role_id)
$$;

create or replace function engine.assert_role_unheld(role metadata.roles) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_holders text[] := engine.role_holders((role).id);
begin
  if (role).is_system then
    raise exception 'The role "%" is part of the product and cannot be deleted.', (role).name using errcode = 'RV007', column = 'id';
  end if;
  if v_holders <> '{}' then
    raise exception 'The role "%" cannot be deleted: % has it.', (role).name, v_holders[1] || case when cardinality(v_holders) > 1 then format(' (and %s more)', cardinality(v_holders) - 1) else '' end
      using errcode = 'RV087', column = 'id', detail = array_to_string(v_holders, E'\n'), hint = 'Give them another role first.';
  end if;
end
$$;
--! EndIncluded metadata/roles.sql
--! Included metadata/my_permissions.sql
-- What the screen needs to know to offer nothing that would be refused.
create or replace function engine.permissions_of(pg_role name) returns jsonb
language sql stable set search_path = '' set jit = off
as $$
  with role as materialized (
    select i.* from engine.roles_of(permissions_of.pg_role) c join metadata.roles i on i.id = c
  ), workspace as materialized (
    select distinct r.workspace_id, array(select x.pg_role from role x) as roles from role r
  ), permission as materialized (
    select p.* from workspace w cross join lateral engine.effective_permissions(w.workspace_id, null, w.roles) p
  ), withheld as materialized (
    select w.* from workspace s cross join lateral engine.withheld_fields(s.workspace_id, null, s.roles) w
  ), field as (
    -- Withheld is what no role of them gives.
    select w.object_id, w.field_id,
      not exists (select from permission p where p.object_id = w.object_id and p.can_read and not exists (
        select from withheld x where x.role_id = p.role_id and x.field_id = w.field_id and x.is_read_withheld)) as is_read_withheld,
      not exists (select from permission p where p.object_id = w.object_id and (p.can_update or p.can_create) and not exists (
        select from withheld x where x.role_id = p.role_id and x.field_id = w.field_id and x.is_update_withheld)) as is_update_withheld
    from (select distinct x.object_id, x.field_id from withheld x) w
  )
  select jsonb_build_object(
    'flags', (select coalesce(jsonb_agg(f.flag order by f.flag), '[]') from engine.permission_flags() f
      where engine.is_in_scope(f.flag) and exists (select from role r where r.has_all_permissions or f.flag = any (r.permissions))),
    'objects', (
      select coalesce(jsonb_object_agg(o.object_id, jsonb_build_object('canRead', o.can_read, 'canCreate', o.can_create, 'canUpdate', o.can_update, 'canDelete', o.can_delete,
        'canDestroy', o.can_destroy, 'isLimited', o.is_limited,
        'unreadableFields', (select coalesce(jsonb_agg(f.field_id order by f.field_id), '[]') from field f where f.object_id = o.object_id and f.is_read_withheld),
        'unwritableFields', (select coalesce(jsonb_agg(f.field_id order by f.field_id), '[]') from field f where f.object_id = o.object_id and f.is_update_withheld))), '{}')
      from (
        select p.object_id, bool_or(p.can_read) as can_read, bool_or(p.can_create) as can_create, bool_or(p.can_update) as can_update, bool_or(p.can_delete) as can_delete,
          bool_or(p.can_delete and p.can_destroy) as can_destroy, coalesce(bool_and(p.is_limited) filter (where p.can_read), false) as is_limited
        from permission p group by p.object_id
      ) o))
$$;

create or replace function metadata.my_permissions() returns jsonb
language sql stable security definer set search_path = ''
as $$ select engine.permissions_of(current_setting('role')::name) $$;
comment on function metadata.my_permissions() is
  'What the caller''s role may do: {flags, objects: {id: {canRead, canCreate, canUpdate, canDelete, canDestroy, isLimited, unreadableFields, unwritableFields}}}.';

create or replace function metadata.role_permissions(role_id uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_role metadata.roles;
begin
  select r.* into v_role from metadata.roles r where r.id = role_permissions.role_id;
  perform engine.assert_member_of(v_role.workspace_id);
  return engine.permissions_of(v_role.pg_role);
end
$$;
comment on function metadata.role_permissions(uuid) is 'What a role may do, with all that it includes, in the form of my_permissions.';
grant execute on function metadata.my_permissions(), metadata.role_permissions(uuid) to relvar_crm;
--! EndIncluded metadata/my_permissions.sql
--! Included metadata/apps.sql
-- Apps in the hands of people: what a member has let in, and for those who keep the keys of the workspace its own apps, and a
-- say about those that registered themselves.

create or replace function metadata.connected_apps() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(a) order by a."lastUsedAt" desc nulls last, a."connectedAt" desc), '[]')
  from (
    select c.id, c.name, c.workspace_id is not null as "isOwn", min(g.created_at) as "connectedAt", max(g.last_used_at) as "lastUsedAt",
      (select jsonb_agg(s.sentence) from core.oauth_scopes() s where s.scope = any (array_agg(p.scope))) as "may"
    from core.oauth_grants g join core.oauth_clients c on c.id = g.client_id cross join lateral unnest(g.scopes) p (scope)
    where g.member_id = engine.person() and g.ended_at is null
    group by c.id
  ) a
$$;
comment on function metadata.connected_apps() is
  'The apps that the calling member has let in: [{id, name, isOwn, connectedAt, lastUsedAt, may}]. may: what, in sentences.';

create or replace function metadata.disconnect_app(id uuid, member_id uuid default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member uuid := coalesce(disconnect_app.member_id, engine.current_member());
begin
  perform engine.assert_in_person();
  if v_member is distinct from engine.current_member() then
    perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  end if;
  return coalesce((select bool_or(core.end_oauth_grant(g.id, 'DISCONNECTED')) from core.oauth_grants g
    where g.client_id = disconnect_app.id and g.member_id = v_member and g.workspace_id = engine.own_workspace() and g.ended_at is null), false);
end
$$;
comment on function metadata.disconnect_app(uuid, uuid) is
  'Ends what an app may do for the calling member, or for another one, if the caller keeps the keys of the workspace. False when it could do nothing.';

create or replace function metadata.apps() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'API_KEYS_AND_WEBHOOKS');
  return (select coalesce(jsonb_agg(to_jsonb(a) order by a."isOwn" desc, lower(a.name), a.id), '[]')
    from (
      select c.id, c.name, c.workspace_id is not null as "isOwn", c.redirect_uris as "redirectUris", c.auth_method <> 'none' as "isConfidential",
        c.role_id as "roleId", (select r.name from metadata.roles r where r.id = c.role_id) as role, coalesce(c.rate_limit, 600) as "rateLimit",
        c.created_at as "createdAt", c.created_by_name as "createdByName", d.is_allowed as "isAllowed", core.may_use_client(c, v_workspace) as "isLetIn",
        greatest(g.last_used_at, case when c.workspace_id is not null then c.last_used_at end) as "lastUsedAt", g.members
      from core.oauth_clients c
      left join core.oauth_decisions d on d.workspace_id = v_workspace and d.client_id = c.id
      cross join lateral (
        select max(x.last_used_at) as last_used_at, coalesce(jsonb_agg(distinct jsonb_build_object('id', m.id, 'name', m.name)) filter (where m.id is not null), '[]') as members
        from core.oauth_grants x join core.members m on m.id = x.member_id where x.client_id = c.id and x.workspace_id = v_workspace and x.ended_at is null
      ) g
      where c.workspace_id = v_workspace or c.workspace_id is null and (d.client_id is not null or g.members <> '[]')
    ) a);
end
$$;
comment on function metadata.apps() is
  'The apps of the workspace, and those that registered themselves and were let in by a member or judged: [{id, name, isOwn, redirectUris, isConfidential, roleId, role, rateLimit, createdAt, createdByName, isAllowed, isLetIn, lastUsedAt, members: [{id, name}]}].';

-- What an app of the workspace must be, whether it is made or changed.
create or replace function engine.assert_app(name text, redirect_uris text[], is_confidential boolean, role_id uuid, rate_limit int) returns void
language plpgsql stable set search_path = ''
as $$
begin
  perform engine.assert_in_person(), engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  if btrim(coalesce(name, '')) = '' or length(name) > 100 then
    raise exception 'An app needs a name.' using errcode = 'RV145', column = 'name', hint = 'Give the one that members know it by, in at most 100 letters.';
  end if;
  perform core.assert_redirect_uris(redirect_uris);
  if cardinality(redirect_uris) = 0 and role_id is null then
    raise exception 'The app could do nothing.' using errcode = 'RV147', column = 'redirectUris',
      hint = 'Give an address to which members are sent back, or a role with which it acts for itself.';
  end if;
  if role_id is not null and not is_confidential then
    raise exception 'An app that acts for itself must keep a secret.' using errcode = 'RV148', column = 'role', hint = 'Make it confidential, or give it no role.';
  end if;
  if role_id is not null and not exists (select from metadata.roles r where r.id = assert_app.role_id and r.workspace_id = engine.own_workspace()) then
    raise exception 'The workspace has no such role.' using errcode = 'RV044', column = 'role', hint = 'Choose one of the roles of the workspace.';
  end if;
  -- As with keys: nobody gives what they could not give themselves.
  if role_id is not null and not engine.acts_as_administrator() and not engine.may('ROLES') and role_id not in (select engine.roles_of(current_setting('role')::name)) then
    raise exception 'Your role cannot give this role, which may do what yours may not.' using errcode = '42501', column = 'role', hint = 'Ask somebody who keeps the roles.';
  end if;
  if rate_limit not between 1 and 1000000 then
    raise exception 'An app may make 1 to 1,000,000 requests a minute.' using errcode = 'RV122', column = 'rateLimit', hint = 'Leave it empty for 600.';
  end if;
end
$$;

create or replace trigger _100_judge_role before insert or update of role_id on core.oauth_clients for each row when (new.role_id is not null)
  execute function engine.tg_assigned__judge('APPLICATIONS');

create or replace function engine.new_app_secret() returns text
language sql volatile set search_path = ''
as $$ select 'rvs_' || core.random_token() $$;

create or replace function engine.grant_types_of(redirect_uris text[], role_id uuid) returns text[]
language sql immutable set search_path = ''
as $$
  select case when cardinality(redirect_uris) > 0 then '{authorization_code,refresh_token,urn:ietf:params:oauth:grant-type:device_code}'::text[] else '{}' end
    || case when role_id is not null then '{client_credentials}'::text[] else '{}' end
$$;

create or replace function metadata.create_app(name text, redirect_uris text[], is_confidential boolean default true, role_id uuid default null, rate_limit int default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_uris text[] := coalesce(redirect_uris, '{}');
  v_secret text := case when is_confidential then engine.new_app_secret() end;
  v_id uuid;
begin
  perform engine.assert_app(name, v_uris, is_confidential, role_id, rate_limit);
  insert into core.oauth_clients (workspace_id, name, redirect_uris, grant_types, auth_method, secret_hash, role_id, rate_limit, created_by_name)
  values (engine.own_workspace(), btrim(create_app.name), v_uris, engine.grant_types_of(v_uris, create_app.role_id),
    case when create_app.is_confidential then 'client_secret_basic' else 'none' end, core.hash_token(v_secret), create_app.role_id, create_app.rate_limit, (engine.current_actor()).name)
  returning id into v_id;
  perform engine.note_app_event('APP_CREATED', v_id);
  return jsonb_build_object('id', v_id, 'secret', v_secret);
end
$$;
comment on function metadata.create_app(text, text[], boolean, uuid, int) is
  'Registers an app of the workspace: {id, secret}. The secret, of a confidential app, is told only now. roleId: the role with which it acts for itself (client credentials). rateLimit: requests a minute, 600 unless given.';

create or replace function engine.note_app_event(kind text, client_id uuid, detail jsonb default '{}') returns void
language sql volatile set search_path = ''
as $$
  select core.note_auth_event(note_app_event.kind, engine.own_workspace(), (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => (select jsonb_build_object('app', c.name, 'clientId', c.id) from core.oauth_clients c where c.id = note_app_event.client_id) || note_app_event.detail)
$$;

create or replace function engine.own_app(id uuid) returns core.oauth_clients
language plpgsql stable set search_path = ''
as $$
declare
  v_client core.oauth_clients;
begin
  perform engine.assert_in_person(), engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  select * into v_client from core.oauth_clients c where c.id = own_app.id and c.workspace_id = engine.own_workspace();
  if not found then
    raise exception 'The workspace has no such app.' using errcode = 'RV149', hint = 'metadata.apps() lists them.';
  end if;
  return v_client;
end
$$;

create or replace function metadata.update_app(id uuid, name text, redirect_uris text[], role_id uuid default null, rate_limit int default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_client core.oauth_clients := engine.own_app(id);
  v_uris text[] := coalesce(update_app.redirect_uris, '{}');
begin
  perform engine.assert_app(update_app.name, v_uris, v_client.auth_method <> 'none', update_app.role_id, update_app.rate_limit);
  update core.oauth_clients c set name = btrim(update_app.name), redirect_uris = v_uris, role_id = update_app.role_id, rate_limit = update_app.rate_limit,
    grant_types = engine.grant_types_of(v_uris, update_app.role_id)
  where c.id = v_client.id;
  -- Tokens with the former role end at once.
  delete from core.oauth_tokens t where t.client_id = v_client.id and t.model = 'ClientCredentials' and update_app.role_id is distinct from v_client.role_id;
  perform pg_notify('relvar_identity', json_build_object('application', v_client.id)::text);
  perform engine.note_app_event('APP_CHANGED', v_client.id);
  return true;
end
$$;
comment on function metadata.update_app(uuid, text, text[], uuid, int) is 'Changes an app of the workspace. Everything is given anew; roleId null: it does not act for itself.';

create or replace function metadata.rotate_app_secret(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_client core.oauth_clients := engine.own_app(id);
  v_secret text := engine.new_app_secret();
begin
  if v_client.auth_method = 'none' then
    raise exception 'This app has no secret, since it could not keep one.' using errcode = 'RV148', column = 'id', hint = 'Make a confidential app.';
  end if;
  update core.oauth_clients c set secret_hash = core.hash_token(v_secret) where c.id = v_client.id;
  perform engine.note_app_event('APP_SECRET_CHANGED', v_client.id);
  return jsonb_build_object('id', v_client.id, 'secret', v_secret);
end
$$;
comment on function metadata.rotate_app_secret(uuid) is 'Gives an app a new secret, told only now; the former one ends at once: {id, secret}.';

create or replace function metadata.judge_app(id uuid, is_allowed boolean default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_in_person(), engine.assert_manages(v_workspace, 'API_KEYS_AND_WEBHOOKS');
  if not exists (select from core.oauth_clients c where c.id = judge_app.id and (c.workspace_id is null or c.workspace_id = v_workspace)) then
    raise exception 'The workspace has no such app.' using errcode = 'RV149', hint = 'metadata.apps() lists them.';
  end if;
  delete from core.oauth_decisions d where d.workspace_id = v_workspace and d.client_id = judge_app.id;
  if judge_app.is_allowed is not null then
    insert into core.oauth_decisions (workspace_id, client_id, is_allowed, decided_by_name) values (v_workspace, judge_app.id, judge_app.is_allowed, (engine.current_actor()).name);
  end if;
  perform pg_notify('relvar_identity', json_build_object('application', judge_app.id)::text);
  perform engine.note_app_event('APP_JUDGED', judge_app.id, jsonb_build_object('isAllowed', judge_app.is_allowed));
  return true;
end
$$;
comment on function metadata.judge_app(uuid, boolean) is
  'Lets an app in or blocks it, with all that it was granted, within a moment. Null: as the workspace holds it with apps that registered themselves.';

create or replace function metadata.delete_app(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
  v_client core.oauth_clients;
begin
  perform engine.assert_in_person(), engine.assert_manages(v_workspace, 'API_KEYS_AND_WEBHOOKS');
  select * into v_client from core.oauth_clients c where c.id = delete_app.id and (c.workspace_id is null or c.workspace_id = v_workspace);
  if not found then
    return false;
  end if;
  perform core.end_oauth_grant(g.id, 'DELETED') from core.oauth_grants g where g.client_id = v_client.id and g.workspace_id = v_workspace and g.ended_at is null;
  delete from core.oauth_decisions d where d.workspace_id = v_workspace and d.client_id = v_client.id;
  perform engine.note_app_event('APP_DELETED', v_client.id);
  -- One that registered itself may be of use in other workspaces; this one only forgets it.
  delete from core.oauth_clients c where c.id = v_client.id and c.workspace_id = v_workspace;
  perform pg_notify('relvar_identity', json_build_object('application', v_client.id)::text);
  return true;
end
$$;
comment on function metadata.delete_app(uuid) is
  'Deletes an app of the workspace, or forgets one that registered itself, with all that it was granted here. False when there is none such.';

create or replace function metadata.allows_other_apps() returns boolean
language sql stable security definer set search_path = ''
as $$ select s.allows_other_apps from core.workspace_settings s where s.workspace_id = engine.own_workspace() $$;
comment on function metadata.allows_other_apps() is 'Whether members may let in apps that registered themselves; if not, only those that were allowed one by one.';

create or replace function metadata.set_allows_other_apps(allows boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_in_person(), engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  update core.workspace_settings s set allows_other_apps = coalesce(set_allows_other_apps.allows, false) where s.workspace_id = engine.own_workspace();
  perform core.note_auth_event('SECURITY_CHANGED', engine.own_workspace(), (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => jsonb_build_object('allowsOtherApps', coalesce(allows, false)));
  perform pg_notify('relvar_identity', json_build_object('workspace', engine.own_workspace())::text);
  return allows;
end
$$;
comment on function metadata.set_allows_other_apps(boolean) is 'Whether members may let in apps that registered themselves. Turned off, what they let in before stops at once.';

revoke execute on function metadata.connected_apps(), metadata.disconnect_app(uuid, uuid), metadata.apps(), metadata.create_app(text, text[], boolean, uuid, int),
  metadata.update_app(uuid, text, text[], uuid, int), metadata.rotate_app_secret(uuid), metadata.judge_app(uuid, boolean), metadata.delete_app(uuid),
  metadata.allows_other_apps(), metadata.set_allows_other_apps(boolean) from public;
grant execute on function metadata.connected_apps(), metadata.disconnect_app(uuid, uuid), metadata.apps(), metadata.create_app(text, text[], boolean, uuid, int),
  metadata.update_app(uuid, text, text[], uuid, int), metadata.rotate_app_secret(uuid), metadata.judge_app(uuid, boolean), metadata.delete_app(uuid),
  metadata.allows_other_apps(), metadata.set_allows_other_apps(boolean) to relvar_crm;
--! EndIncluded metadata/apps.sql
--! Included metadata/rights.sql
-- Functions of the model run with the owner's rights, so each asks first who calls. A CRM role acts
-- in its own workspace; an administrator in psql, who has taken no role, in any. A person's own login
-- may have inherited the right to call without having taken a role, and is refused.

-- The worker may become the owner and acts as it only then: its jobs are the functions that are granted to it.
create or replace function engine.acts_as_administrator() returns boolean
language sql stable set search_path = ''
  return case current_setting('role')
    when 'none' then session_user <> 'relvar_worker' and pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member')
    when 'relvar_owner' then pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member')
    else false end;

-- The server makes workspaces for who signs up, outside of any request and in functions of the owner. What it may do of an
-- administrator it may do to the workspace that its transaction makes, and to no other: a row with this transaction's
-- time was not there before.
create or replace function engine.makes_workspace(workspace_id uuid) returns boolean
language sql stable set search_path = ''
  return current_setting('role') = 'none' and session_user = 'relvar_server' and current_user = 'relvar_owner'
    and exists (select from core.workspaces w where w.id = workspace_id and w.created_at = now());

create or replace function engine.assert_member_of(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.acts_as_administrator() and not engine.makes_workspace(workspace_id) and engine.workspace_of_role(current_setting('role')::name) is distinct from workspace_id then
    raise exception 'Your role does not see this part of the model.' using errcode = '42501';
  end if;
end
$$;

create or replace function engine.assert_manages(workspace_id uuid, flag text default 'DATA_MODEL') returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.acts_as_administrator() and not engine.makes_workspace(workspace_id)
    and (engine.workspace_of_role(current_setting('role')::name) is distinct from workspace_id or not engine.may(flag)) then
    raise exception '%', case flag when 'DATA_MODEL' then 'Your role may not change the data model.'
        else format('Your role does not have the permission "%s".', (select f.label from engine.permission_flags() f where f.flag = assert_manages.flag)) end
      using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
  if not exists (select from core.workspaces w where w.id = workspace_id) then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012', hint = 'select id, slug from core.workspaces lists them.';
  end if;
end
$$;
--! EndIncluded metadata/rights.sql
-- Rules behind every door.
drop function engine.explain_role(metadata.roles, metadata.objects, text, uuid, metadata.fields, uuid);
--! Included engine/permissions/explain.sql
-- Why somebody may or may not do something: the rules that say so, one by one, of the role and of each that
-- it includes.

-- Why a computed field is hidden from a role: the first of what it is made of that the role does not read.
create or replace function engine.explain_computed(role metadata.roles, field metadata.fields) returns text
language sql stable set search_path = ''
as $$
  select coalesce((
      select case
          when w.field_id is not null and s.object_id = (field).object_id then format('"%s" is made of "%s", which the role may not read.', (field).label, s.label)
          when w.field_id is not null then format('"%s" is made of "%s" of %s, which the role may not read.', (field).label, s.label, o.label_plural)
          when not p.can_read then format('"%s" is made of %s, which the role may not read.', (field).label, o.label_plural)
          else format('"%s" is made of %s, of which the role does not see every record.', (field).label, o.label_plural) end
      from engine.field_readings((role).workspace_id) d
      join metadata.fields s on s.id = d.source_id
      join metadata.objects o on o.id = d.source_object_id
      left join engine.withheld_fields((role).workspace_id, null, array[(role).pg_role]) w on w.field_id = d.source_id and w.is_read_withheld
      left join engine.effective_permissions((role).workspace_id, null, array[(role).pg_role]) p on p.object_id = d.source_object_id
      where d.field_id = (field).id and (w.field_id is not null or d.is_far and (not p.can_read or p.is_limited))
      order by w.field_id is null, s.label limit 1),
    format('"%s" is made of values that the role may not read.', (field).label))
$$;

-- One role, without what it includes: whether it has the right (on the field, if one is asked for), whether
-- it sees the record, and which rules decide. Of several roles one may give the right and another the record.
-- What is shared with the holder, the role that includes it, it shows as well.
create or replace function engine.explain_role(holder uuid, role metadata.roles, object metadata.objects, action text, record_id uuid, field metadata.fields, member uuid)
returns table (is_granted boolean, is_visible boolean, reasons jsonb)
language plpgsql stable set search_path = ''
as $$
declare
  v_permission record;
  v_own metadata.object_permissions;
  v_reasons jsonb := '[]';
  v_has_right boolean;
  v_holds boolean := true;
  v_is_visible boolean;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = (object).workspace_id);
  v_named metadata.field_permissions;
  v_is_computed boolean := (field).type in ('FORMULA', 'ROLLUP', 'TS_VECTOR');
  -- What the engine fills in nobody writes. A new record may be given its id, and any its position.
  v_is_kept boolean := action <> 'READ' and ((field).type in ('FORMULA', 'ROLLUP', 'AUTO_NUMBER')
    or (field).is_system and not ((field).name = 'position' or (field).name = 'id' and action = 'CREATE'));
  r record;
begin
  select p.* into v_permission from engine.effective_permissions((object).workspace_id, array[(object).id], array[(role).pg_role]) p;
  select p.* into v_own from metadata.object_permissions p where p.role_id = (role).id and p.object_id = (object).id;
  v_has_right := case action when 'READ' then v_permission.can_read when 'CREATE' then v_permission.can_create when 'UPDATE' then v_permission.can_update
    when 'DELETE' then v_permission.can_delete else v_permission.can_delete and v_permission.can_destroy end;
  v_reasons := v_reasons || jsonb_build_object('kind', case when (object).universal_identifier = 'standard:workspaceMember' and action in ('CREATE', 'DELETE', 'DESTROY') then 'SYSTEM'
      when (object).is_junction and v_own.id is null then 'LINK' when to_jsonb(v_own) ->> ('can_' || lower(action)) is null then 'ROLE' else 'OBJECT' end,
    'allows', v_has_right, 'text', case
      when (object).universal_identifier = 'standard:workspaceMember' and action in ('CREATE', 'DELETE', 'DESTROY') then 'Members come and go by invitation, in the settings of the workspace.'
      when not (object).is_active or (object).deleted_at is not null then format('%s are switched off.', (object).label_plural)
      when (object).is_junction and v_own.id is null then format('The rights on these links follow those on the two objects that they link, which %s it.', case when v_has_right then 'allow' else 'do not allow' end)
      when to_jsonb(v_own) ->> ('can_' || lower(action)) is null then format('By default the role %s %s the records of every object.', case when v_has_right then 'may' else 'may not' end, lower(action))
      else format('For %s the role %s %s.', (object).label_plural, case when v_has_right then 'may' else 'may not' end, lower(action)) end);
  if v_has_right and (field).id is not null and action in ('READ', 'UPDATE', 'CREATE') then
    select p.* into v_named from metadata.field_permissions p where p.role_id = (role).id and p.field_id = (field).id;
    v_holds := not exists (
      select from engine.withheld_fields((object).workspace_id, array[(object).id], array[(role).pg_role]) w
      where w.field_id = (field).id and case action when 'READ' then w.is_read_withheld else w.is_update_withheld end)
      and not v_is_kept;
    if (field).type = 'MANY_TO_MANY' then
      v_holds := exists (
        select from metadata.fields j cross join lateral engine.effective_permissions((object).workspace_id, array[j.object_id], array[(role).pg_role]) p
        where j.id = (field).junction_field_id and case action when 'READ' then p.can_read else p.can_create end);
    end if;
    v_reasons := v_reasons || jsonb_build_object('kind', case when (field).type = 'MANY_TO_MANY' then 'LINK' when v_is_computed and action = 'READ' and not v_holds and v_named.id is null then 'COMPUTED' else 'FIELD' end, 'allows', v_holds, 'text', case
      when (field).type = 'MANY_TO_MANY' then format('Who reads both objects sees what "%s" links, and who changes one of them links.', (field).label)
      when v_is_kept then format('"%s" is filled in by the engine.', (field).label)
      when v_named.id is not null and case action when 'READ' then v_named.can_read else v_named.can_update end is not null
        then format('A field rule %s "%s".', case when v_holds then 'allows' else 'takes away' end, (field).label)
      when action <> 'READ' and v_named.can_read is false then format('A field rule takes away to read "%s", and so to change it.', (field).label)
      when v_holds then case v_permission.field_mode when 'ONLY' then format('"%s" is kept by the engine and shown to whoever reads the record.', (field).label) else 'No field rule takes it away.' end
      when v_is_computed and v_permission.field_mode <> 'ONLY' then engine.explain_computed(role, field)
      else format('The role has only the fields that its field rules name, and "%s" is not among them.', (field).label) end);
  end if;
  v_is_visible := v_has_right;
  if v_has_right and record_id is not null and action <> 'CREATE' then
    if (object).is_private then
      v_reasons := v_reasons || engine.explain_condition('PRIVATE', format('%s are private: a record is its creator''s until it is shared.', (object).label_plural),
        format('t.created_by_member_id = %L::uuid', member), v_schema, object, record_id);
    end if;
    for r in
      select u.* from metadata.record_rules u
      where u.role_id = (role).id and u.object_id = (object).id and u.action in ('READ', case explain_role.action when 'DESTROY' then 'DELETE' else explain_role.action end) order by u.action
    loop
      v_reasons := v_reasons || engine.explain_condition('RECORD', format('To %s: %s', lower(r.action), r.condition),
        engine.policy_sql(r.compiled, r.id, 't.', coalesce(member, '00000000-0000-0000-0000-000000000000')), v_schema, object, record_id);
    end loop;
    v_is_visible := not exists (select from jsonb_array_elements(v_reasons) e where e ->> 'kind' in ('PRIVATE', 'RECORD') and not (e ->> 'allows')::boolean);
    if not v_is_visible and action in ('READ', 'UPDATE') then
      for r in execute format($sql$
          select s.principal_kind, coalesce(t.name, x.name, '') as name, s.access, s.reason, s.created_by_name from %I.record_shares s
          left join metadata.teams t on t.id = s.principal_id and s.principal_kind = 'TEAM'
          left join metadata.roles x on x.id = s.principal_id and s.principal_kind = 'ROLE'
          where s.object_id = $1 and s.record_id = $2 and ($3 = 'READ' or s.access = 'WRITE') and (s.expires_at is null or s.expires_at > now()) and (
            s.principal_kind = 'MEMBER' and s.principal_id = $4
            or s.principal_kind = 'TEAM' and s.principal_id = any (array(select m.team_id from metadata.team_members m where m.member_id = $4))
            or s.principal_kind = 'ROLE' and s.principal_id = any (array(select engine.role_closure($5)))) limit 1
        $sql$, v_schema) using (object).id, record_id, action, member, holder
      loop
        v_is_visible := true;
        v_reasons := v_reasons || jsonb_build_object('kind', 'SHARE', 'allows', true, 'text', format('%s shared it with %s%s.', coalesce(r.created_by_name, 'Somebody'),
          case r.principal_kind when 'MEMBER' then 'the member' when 'TEAM' then format('the team "%s"', r.name) else format('the role "%s"', r.name) end, coalesce(': ' || nullif(r.reason, ''), '')));
      end loop;
    end if;
  end if;
  return query select v_has_right and v_holds, v_is_visible, v_reasons;
end
$$;

-- Whether a record fulfils a condition, as a reason.
create or replace function engine.explain_condition(kind text, what text, condition text, schema_name text, object metadata.objects, record_id uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_holds boolean;
begin
  execute format('select exists (select from %I.%I t where t.id = $1 and %s)', schema_name, (object).table_name, condition) into v_holds using record_id;
  return jsonb_build_object('kind', kind, 'allows', v_holds, 'text', what);
end
$$;

create or replace function engine.explain_access(workspace_id uuid, object_name text, action text default 'READ', record_id uuid default null, field_name text default null, member_id uuid default null, role_id uuid default null)
returns jsonb
language plpgsql stable set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_object metadata.objects;
  v_field metadata.fields;
  v_role metadata.roles;
  v_exists boolean;
  v_is_granted boolean := false;
  v_is_visible boolean := false;
  v_reasons jsonb := '[]';
  r record;
begin
  if coalesce(action, '') not in ('READ', 'CREATE', 'UPDATE', 'DELETE', 'DESTROY') then
    raise exception 'There is no action "%".', action using errcode = 'RV099', column = 'action', hint = 'It is READ, CREATE, UPDATE, DELETE or DESTROY.';
  end if;
  select o.* into v_object from metadata.objects o where o.workspace_id = workspace_id and o.deleted_at is null and o.name_singular = object_name;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if field_name is not null then
    select f.* into v_field from metadata.fields f where f.object_id = v_object.id and f.deleted_at is null and f.name = field_name;
    if not found then
      raise exception '% have no field "%".', v_object.label_plural, field_name using errcode = 'RV099', column = 'field_name',
        hint = engine.did_you_mean(field_name, array(select f.name from metadata.fields f where f.object_id = v_object.id and f.deleted_at is null));
    end if;
  end if;
  select x.* into v_role from metadata.roles x
  where x.workspace_id = workspace_id and x.id = coalesce(role_id, (select m.role_id from core.members m where m.id = member_id and m.workspace_id = workspace_id));
  if not found then
    raise exception 'There is no such member or role.' using errcode = 'RV010', hint = 'Give the id of a member, or of a role.';
  end if;
  if record_id is not null then
    execute format('select exists (select from %I.%I t where t.id = $1)', (select w.schema_name from core.workspaces w where w.id = workspace_id), v_object.table_name) into v_exists using record_id;
    if not v_exists then
      return jsonb_build_object('allowed', false, 'reasons', jsonb_build_array(jsonb_build_object('kind', 'RECORD', 'allows', false, 'text', 'There is no such record.', 'roleId', v_role.id, 'role', v_role.name)));
    end if;
  end if;
  for r in
    select x.id, x.name, e.is_granted, e.is_visible, e.reasons
    from engine.role_closure(v_role.id) c
    join metadata.roles x on x.id = c
    cross join lateral engine.explain_role(v_role.id, x, v_object, action, record_id, v_field, member_id) e
    order by x.id <> v_role.id, x.name
  loop
    v_is_granted := v_is_granted or r.is_granted;
    v_is_visible := v_is_visible or r.is_visible;
    v_reasons := v_reasons || (select jsonb_agg(e || jsonb_build_object('roleId', r.id, 'role', r.name, 'isIncluded', r.id <> v_role.id) order by n) from jsonb_array_elements(r.reasons) with ordinality u (e, n));
  end loop;
  return jsonb_build_object('allowed', v_is_granted and v_is_visible, 'roleId', v_role.id, 'role', v_role.name, 'reasons', v_reasons);
end
$$;
comment on function engine.explain_access(uuid, text, text, uuid, text, uuid, uuid) is
  'Whether a member or a role may READ, CREATE, UPDATE, DELETE or DESTROY records of an object, one record, one field of it, and which rules say so.';

create or replace function metadata.explain_access(object_name text, action text default 'READ', record_id uuid default null, field_name text default null, member_id uuid default null, role_id uuid default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_caller name := current_setting('role')::name;
  v_workspace uuid := engine.workspace_of_role(v_caller);
  v_own uuid := (select r.id from metadata.roles r where r.pg_role = v_caller);
  v_name text;
  v_answer jsonb;
begin
  if v_own is null then
    raise exception 'Take a role of a workspace first.' using errcode = '42501', hint = 'Administrators ask engine.explain_access(…).';
  end if;
  if not engine.may('ROLES') and (member_id is distinct from engine.current_member() and member_id is not null or role_id is not null and role_id not in (select engine.role_closure(v_own))) then
    raise exception 'Your role asks about its own access only.' using errcode = '42501', hint = 'Ask somebody who keeps the roles.';
  end if;
  if member_id is null and role_id is null then
    member_id := engine.current_member();
  end if;
  v_answer := engine.explain_access(v_workspace, object_name, action, record_id, field_name, member_id, coalesce(role_id, case when member_id is null then v_own end));
  -- Of a record that the caller does not see he does not learn that it is there, nor with whom it is shared, whatever he keeps.
  if record_id is not null and not engine.may_touch(v_caller, (select o.id from metadata.objects o where o.workspace_id = v_workspace and o.deleted_at is null and o.name_singular = object_name), record_id, 'READ') then
    v_name := (select r.name from metadata.roles r where r.id = v_own);
    return jsonb_build_object('allowed', false, 'roleId', v_own, 'role', v_name, 'reasons', jsonb_build_array(jsonb_build_object(
      'kind', 'RECORD', 'allows', false, 'text', 'Your rules do not show this record, or there is none.', 'roleId', v_own, 'role', v_name, 'isIncluded', false)));
  end if;
  return v_answer;
end
$$;
comment on function metadata.explain_access(text, text, uuid, text, uuid, uuid) is
  'Whether the caller, or for who keeps the roles another member or a role, may READ, CREATE, UPDATE, DELETE or DESTROY: {allowed, role, reasons: [{kind, allows, role, text}]}.';
grant execute on function metadata.explain_access(text, text, uuid, text, uuid, uuid) to relvar_crm;
--! EndIncluded engine/permissions/explain.sql
--! Included engine/permissions/past.sql
-- Records as they were: the event log and the trash, for who does not read every record and every
-- field of an object. Their tables hold whole records, so a policy can only open or close them for an
-- object as a whole; these functions run as the owner and leave what the caller may read.

create or replace function engine.past_object(caller name, schema_name text, object_name text) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = past_object.schema_name and o.name_singular = object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not engine.has_right(caller, v_object.id, 'READ') then
    raise exception 'Your role may not read %.', v_object.label_plural using errcode = '42501';
  end if;
  return v_object;
end
$$;

-- Who reads every record and every field needs nothing left out.
create or replace function engine.reads_wholly(caller name, object_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return engine.acts_as_administrator() or exists (select from engine.find_wholly_readable(caller, array[object_id]));
end
$$;

-- The columns that the caller reads. The log names values by the columns of their time: where a name was
-- another field's once, only what was written since is this field's.
create or replace function engine.past_columns(caller name, schema_name text, object metadata.objects)
returns table (name text, since timestamptz)
language sql stable set search_path = ''
as $$
  with former as materialized (
    select m.row_id, engine.snake_case(m.before ->> 'name') as name, max(v.happened_at) as until
    from metadata.model_changes m
    join metadata.model_versions v on v.workspace_id = m.workspace_id and v.version = m.version
    where m.workspace_id = (object).workspace_id and m.table_name = 'fields' and m.before ->> 'object_id' = (object).id::text
    group by 1, 2
  )
  select a.attname::text, (select max(f.until) from former f where f.row_id is distinct from c.field_id and starts_with(a.attname::text, f.name))
  from pg_catalog.pg_attribute a
  left join engine.field_columns((object).workspace_id, array[(object).id]) c on c.name = a.attname
  where a.attrelid = format('%I.%I', schema_name, (object).table_name)::regclass and a.attnum > 0 and not a.attisdropped
    and has_column_privilege(caller, a.attrelid, a.attnum, 'select')
$$;

create or replace function engine.past_values(data jsonb, happened_at timestamptz, names text[], since timestamptz[]) returns jsonb
language sql immutable parallel safe set search_path = ''
as $$
  select case when data is not null then coalesce(jsonb_object_agg(e.key, e.value), '{}') end
  from jsonb_each(data) e
  join unnest(names, since) c (name, since) on c.name = e.key and (c.since is null or past_values.happened_at > c.since)
$$;

-- Whether the caller reads all that a record is called by.
create or replace function engine.reads_label(caller name, schema_name text, object metadata.objects) returns boolean
language sql stable set search_path = ''
as $$
  select not exists (
    select from engine.field_columns((object).workspace_id, array[(object).id]) c
    where c.field_id = (object).label_field_id and not has_column_privilege(caller, format('%I.%I', schema_name, (object).table_name), c.name, 'select'))
$$;

-- A record of a limited caller's is one that he sees now, or would if it were not in the trash. Of those
-- that were destroyed nothing is left to ask the rules of.
create or replace function engine.record_history(caller name, schema_name text, object_name text, record_id uuid, max_results int, before_batch bigint)
returns table (batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_limit int := least(greatest(max_results, 1), 1000);
  v_table text := format('%I.%I', schema_name, v_object.table_name);
  v_names text[];
  v_since timestamptz[];
  v_knows_who boolean;
  v_is_seen boolean;
begin
  if engine.reads_wholly(caller, v_object.id) then
    return query execute format(
      'select e.batch, e.seq, e.action, e.before, e.after, e.actor_type, e.actor_id, e.actor_name, e.source, e.happened_at
       from %I.record_events e where e.object_id = $1 and e.record_id = $2 and ($3 is null or e.batch < $3) order by e.batch desc, e.seq desc limit $4', schema_name)
    using v_object.id, record_id, before_batch, v_limit;
    return;
  end if;
  -- Found out once, in the words of the policies.
  execute format('select exists (select from %2$s t where t.id = $2 and %3$s)
      or exists (select from %1$I.trash d where d.object_id = $1 and d.record_id = $2 and exists (select from jsonb_populate_record(null::%2$s, d.data) t where %3$s))',
    schema_name, v_table, engine.read_policy(caller, v_table::regclass)) into v_is_seen using v_object.id, record_id;
  if not v_is_seen then
    return;
  end if;
  select array_agg(c.name), array_agg(c.since) into v_names, v_since from engine.past_columns(caller, schema_name, v_object) c;
  v_knows_who := has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select');
  return query execute format(
    'select e.batch, e.seq, e.action, case when e.action in (''shared'', ''unshared'') then e.before else b.value end,
       case when e.action in (''shared'', ''unshared'') then e.after else a.value end, case when $7 then e.actor_type else '''' end, case when $7 then e.actor_id end, case when $7 then e.actor_name end,
       case when $7 then e.source else '''' end, e.happened_at
     from %I.record_events e
     cross join lateral engine.past_values(e.before, e.happened_at, $5, $6) b (value)
     cross join lateral engine.past_values(e.after, e.happened_at, $5, $6) a (value)
     where e.object_id = $1 and e.record_id = $2 and ($3 is null or e.batch < $3)
       -- That something was changed which the caller does not read is nothing to tell, either.
       and (e.action <> ''updated'' or b.value <> ''{}'')
     order by e.batch desc, e.seq desc limit $4', schema_name)
  using v_object.id, record_id, before_batch, v_limit, v_names, v_since, v_knows_who;
end
$$;

create or replace function engine.deleted_records(caller name, schema_name text, object_name text, max_results int, skip int)
returns table (record_id uuid, label text, data jsonb, deleted_at timestamptz, deleted_by_name text)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_is_whole boolean := engine.reads_wholly(caller, v_object.id);
begin
  return query execute format(
    'select d.record_id, case when $4 then d.label end, case when $5 then d.data else engine.past_values(d.data, null, $6, ''{}'') end, d.deleted_at,
       case when $7 then d.deleted_by_name end
     from %1$I.trash d
     where d.object_id = $1 and exists (select from jsonb_populate_record(null::%1$I.%2$I, d.data) t where %3$s)
     order by d.deleted_at desc, d.record_id limit $2 offset $3', schema_name, v_object.table_name, engine.read_policy(caller, format('%I.%I', schema_name, v_object.table_name)::regclass))
  using v_object.id, least(greatest(max_results, 1), 1000), greatest(skip, 0), v_is_whole or engine.reads_label(caller, schema_name, v_object), v_is_whole,
    -- What lies in the trash follows renamings.
    (select array_agg(c.name) from engine.past_columns(caller, schema_name, v_object) c),
    v_is_whole or has_column_privilege(caller, format('%I.%I', schema_name, v_object.table_name), 'updated_by_name', 'select');
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.record_history(name, text, text, uuid, int, bigint), engine.deleted_records(name, text, text, int, int) to relvar_crm;
--! EndIncluded engine/permissions/past.sql
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

-- The object that a caller names. Who may delete its records may also restore them, and with one right
-- more destroy them.
create or replace function engine.trashed_object(caller name, schema_name text, object_name text, action text default 'DELETE') returns metadata.objects
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
  if not engine.has_right(caller, v_object.id, action) then
    raise exception '%', format(case action when 'DELETE' then 'Your role may not delete %s, nor restore or destroy what was deleted.'
      else 'Your role may not destroy %s for good.' end, v_object.label_plural) using errcode = '42501';
  end if;
  return v_object;
end
$$;

-- What a role could not see or delete while it was there it neither restores nor destroys. Which records, and
-- whether for good, one role says: to delete all by one and destroy its own by another destroys its own.
create or replace function engine.is_trashed_for(caller name, schema_name text, object metadata.objects, record_id uuid, action text default 'DELETE') returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_found boolean;
begin
  execute format('select exists (select from %1$I.trash d cross join lateral jsonb_populate_record(null::%1$I.%2$I, d.data) t where d.object_id = $1 and d.record_id = $2 and %3$s and %4$s)',
    schema_name, (object).table_name, engine.condition_of(caller, (object).id, 'READ', 't.'), engine.condition_of(caller, (object).id, action, 't.'))
    into v_found using (object).id, record_id;
  return v_found;
end
$$;

-- Puts a deleted record back, with the records that its deletion took along (cascade) and the
-- links that it cut (set null).
create or replace function engine.restore_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name);
begin
  return engine.is_trashed_for(caller, schema_name, v_object, record_id) and engine.put_back(schema_name, v_object, record_id, caller);
end
$$;

-- Asks for no rights, so that a deletion that reached further than the caller's own rights is
-- undone as far as it reached. A refusal names only what the caller reads.
create or replace function engine.put_back(schema_name text, object metadata.objects, record_id uuid, caller name) returns boolean
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
  v_data := engine.without_dead_links(schema_name, object, record_id, v_trash.data, caller);
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
      if not engine.reads_wholly(caller, (object).id) then
        raise exception 'The record cannot be restored: another has taken its place.'
          using errcode = 'RV014', hint = 'Ask somebody who sees all records of this kind.';
      end if;
      raise exception '"%" cannot be restored: another record has taken its place.', v_trash.label
        using errcode = 'RV014', detail = v_detail, hint = 'Change or delete the other record first.';
    when not_null_violation or check_violation or data_exception then
      if not engine.reads_wholly(caller, (object).id) then
        raise exception 'The record cannot be restored, since it does not fit its object any more.'
          using errcode = 'RV013', hint = 'Ask somebody who sees all records and fields of this kind.';
      end if;
      raise exception '"%" cannot be restored, since it does not fit its object any more: %', v_trash.label, sqlerrm
        using errcode = 'RV013', hint = 'The object was changed after the record was deleted. Change it back, restore, and change it again.';
  end;
  execute format('delete from %I.trash where id = $1', schema_name) using v_trash.id;
  perform engine.put_back_links(schema_name, object, record_id, v_trash.transaction_id, caller);
  return true;
end
$$;

-- A link to a record that is gone itself stays empty, as it would be had this record been there.
create or replace function engine.without_dead_links(schema_name text, object metadata.objects, record_id uuid, data jsonb, caller name) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_data jsonb := data;
  v_lives boolean;
  r record;
begin
  for r in
    select c.name, c.not_null, t.id as target_id, t.table_name, t.label_singular
    from engine.columns((object).workspace_id) c
    join metadata.relations rel on rel.id = c.relation_id
    join metadata.objects t on t.id = rel.target_object_id
    where c.object_id = (object).id and jsonb_typeof(data -> c.name) = 'string'
      and not (t.id = (object).id and data ->> c.name = record_id::text)
  loop
    execute format('select exists (select from %I.%I where id = $1)', schema_name, r.table_name) into v_lives using (data ->> r.name)::uuid;
    if not v_lives and r.not_null and not engine.has_right(caller, r.target_id, 'READ') then
      raise exception 'The record needs another, which is deleted too.' using errcode = 'RV013', hint = 'Ask somebody who may restore that one first.';
    elsif not v_lives and r.not_null then
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
create or replace function engine.put_back_links(schema_name text, object metadata.objects, record_id uuid, deleted_in xid8, caller name) returns void
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
        perform engine.put_back(schema_name, r.object, v_child, caller);
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
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name, 'DESTROY');
  v_actor engine.actor := engine.current_actor();
  v_batch bigint;
  v_id uuid;
begin
  if not engine.is_trashed_for(caller, schema_name, v_object, record_id, 'DESTROY') then
    return false;
  end if;
  execute format('delete from %I.record_shares where object_id = $1 and record_id = $2', schema_name) using v_object.id, record_id;
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
--! Included engine/permissions/strays.sql
-- Rights that no plan would look for: of the roles of a workspace somewhere else than on its tables, of
-- others in its schema, and whatever a role is beside what the engine makes. PostgreSQL notes by role what hangs on
-- it (pg_shdepend), so nothing has to be searched.
create or replace function engine.stray_rights(w core.workspaces) returns table (detail text, remedy text)
language sql stable set search_path = '' set jit = off
as $$
  with home as materialized (
    select n.oid, n.nspowner, n.nspacl from pg_catalog.pg_namespace n where n.nspname = w.schema_name
  ), own as materialized (
    select r.*, l.id is not null as is_login, r.rolname = w.schema_name as is_group, r.rolname ~ '_ro_\d+$' and l.id is null as is_reader
    from pg_catalog.pg_roles r
    left join core.database_logins l on l.workspace_id = w.id and l.login_role = r.rolname
    where r.rolname = w.schema_name or r.rolname ~ ('^' || w.schema_name || '_ro?_\d+$') or l.id is not null
  ), kept as materialized (
    -- Tables of the model, whose grants and policies are compared with it.
    select c.oid from home h
    join pg_catalog.pg_class c on c.relnamespace = h.oid and c.relkind in ('r', 'p')
    join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
    where engine.identity_of(d.description) is not null
  ), acl as materialized (
    select a.*, x.what, x.kind, x.oid, x.name from (
      select 'schema' as kind, h.oid, w.schema_name as name, 'schema ' || quote_ident(w.schema_name) as what, h.nspacl as acl, h.nspowner as owner from home h
      union all
      select case when c.oid in (select k.oid from kept k) then 'kept' else 'relation' end, c.oid, c.relname::text, format('%I.%I', w.schema_name, c.relname), c.relacl, c.relowner
      from home h join pg_catalog.pg_class c on c.relnamespace = h.oid where c.relkind <> 'i'
      union all
      select case when c.oid in (select k.oid from kept k) then 'kept' else 'relation' end, c.oid, c.relname::text, format('%I.%I.%I', w.schema_name, c.relname, t.attname), t.attacl, c.relowner
      from home h join pg_catalog.pg_class c on c.relnamespace = h.oid join pg_catalog.pg_attribute t on t.attrelid = c.oid and t.attacl is not null
      union all
      select 'function', p.oid, p.proname::text, 'function ' || p.oid::regprocedure, coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)), p.proowner
      from home h join pg_catalog.pg_proc p on p.pronamespace = h.oid
    ) x
    cross join lateral pg_catalog.aclexplode(x.acl) a
    where a.grantee <> x.owner
  )
  select format('%s %s %s', o.rolname, case d.deptype when 'o' then 'owns' when 'a' then 'has rights on' else 'is named by' end, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)),
    format('begin; reassign owned by %I to relvar_owner; drop owned by %1$I; select engine.apply(%L); commit;', o.rolname, w.id)
  from own o
  join pg_catalog.pg_shdepend d on d.refclassid = 'pg_catalog.pg_authid'::regclass and d.refobjid = o.oid
  where d.dbid in (0, (select b.oid from pg_catalog.pg_database b where b.datname = current_database())) and d.deptype in ('o', 'a', 'r')
    and not (d.deptype = 'a' and (
      d.classid = 'pg_catalog.pg_class'::regclass and d.objid in (select c.oid from home h join pg_catalog.pg_class c on c.relnamespace = h.oid)
      or d.classid = 'pg_catalog.pg_namespace'::regclass and d.objid in (select h.oid from home h)
      or d.classid = 'pg_catalog.pg_proc'::regclass and d.objid in (select p.oid from home h join pg_catalog.pg_proc p on p.pronamespace = h.oid)))
    and not (d.deptype = 'r' and d.objid in (select p.oid from kept k join pg_catalog.pg_policy p on p.polrelid = k.oid))
  union all
  -- In the schema itself: the group uses it and its functions, the reading roles those that read.
  select format('%s has %s on %s%s', coalesce(g.rolname, 'everybody'), a.privilege_type, a.what, case when a.is_grantable then ', to pass on' else '' end),
    format('revoke %s on %s from %s;', a.privilege_type, case when a.kind in ('kept', 'relation') then format('%I.%I', w.schema_name, a.name) else a.what end, coalesce(quote_ident(g.rolname), 'public'))
  from acl a
  left join pg_catalog.pg_roles g on g.oid = a.grantee
  left join own o on o.oid = a.grantee
  where a.is_grantable or case a.kind
    when 'kept' then false
    when 'schema' then not (a.privilege_type = 'USAGE' and (coalesce(o.is_group, false) or coalesce(o.is_reader, false)))
    when 'function' then not (coalesce(o.is_group, false) or coalesce(o.is_reader, false) and a.name = any (engine.reading_functions()))
    else true end
  union all
  select format('%s owns %s', x.owner::regrole, x.what), format('alter %s owner to relvar_owner;', x.what)
  from (
    select h.nspowner as owner, 'schema ' || quote_ident(w.schema_name) as what from home h
    union all
    select c.relowner, format('%s %I.%I', case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end, w.schema_name, c.relname)
    from home h join pg_catalog.pg_class c on c.relnamespace = h.oid where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
    select p.proowner, 'function ' || p.oid::regprocedure from home h join pg_catalog.pg_proc p on p.pronamespace = h.oid
  ) x where x.owner <> 'relvar_owner'::regrole
  union all
  -- Memberships, beside those of roles in each other and of logins, which are compared with the model.
  select format('%s is a member of %s%s', m.rolname, r.rolname, case when a.admin_option then ', and passes it on' when to_jsonb(a) ->> 'inherit_option' = 'true' then ', always' else '' end),
    format('revoke %I from %I;', r.rolname, m.rolname)
  from pg_catalog.pg_auth_members a
  join pg_catalog.pg_roles r on r.oid = a.roleid
  join pg_catalog.pg_roles m on m.oid = a.member
  left join own ro on ro.oid = r.oid
  left join own mo on mo.oid = m.oid
  where (ro.oid is not null or mo.oid is not null) and not coalesce(case
    when m.rolname = 'relvar_owner' then true
    when a.admin_option then false
    when m.rolname in ('relvar_server', 'relvar_worker') then not ro.is_group and to_jsonb(a) ->> 'inherit_option' is distinct from 'true'
    when mo.is_group then r.rolname = 'relvar_crm'
    when mo.is_reader then r.rolname = 'relvar_reader' or ro.is_reader
    when mo.is_login then not ro.is_group
    when mo.oid is not null then ro.is_group or not ro.is_reader and not ro.is_login
    -- Strangers in a role are told as logins that the model does not know.
    else not ro.is_group and m.rolname !~ '_ro?_[0-9]+$' end, false)
  union all
  select format('%s may %s', o.rolname, concat_ws(', ', case when o.rolsuper then 'do everything' end, case when o.rolbypassrls then 'bypass row-level security' end,
      case when o.rolcreaterole then 'create roles' end, case when o.rolcreatedb then 'create databases' end, case when o.rolreplication then 'replicate' end, case when o.rolcanlogin and not o.is_login then 'log in' end)),
    format('alter role %I nosuperuser nobypassrls nocreaterole nocreatedb noreplication%s;', o.rolname, case when o.is_login then '' else ' nologin' end)
  from own o
  where o.rolsuper or o.rolbypassrls or o.rolcreaterole or o.rolcreatedb or o.rolreplication or o.rolcanlogin and not o.is_login
  union all
  select format('what %s makes in %I is open to others at once', d.defaclrole::regrole, w.schema_name), format('alter default privileges for role %s in schema %I revoke …;', d.defaclrole::regrole, w.schema_name)
  from home h join pg_catalog.pg_default_acl d on d.defaclnamespace = h.oid
  union all
  -- A policy on a table that the model does not know is compared with nothing.
  select format('policy %s on %I.%I', p.polname, w.schema_name, c.relname), format('drop policy %I on %I.%I;', p.polname, w.schema_name, c.relname)
  from home h join pg_catalog.pg_class c on c.relnamespace = h.oid join pg_catalog.pg_policy p on p.polrelid = c.oid
  where c.oid not in (select k.oid from kept k)
$$;
comment on function engine.stray_rights(core.workspaces) is 'Rights, memberships and attributes of the roles of a workspace, and of others in its schema, that the engine never gives.';
--! EndIncluded engine/permissions/strays.sql
--! Included metadata/webhooks.sql
-- A webhook tells what a role sees: that of who made it, unless another is given. So nobody learns by a webhook of
-- their own, or by turning one that is there to another address, what their role does not show them.
create or replace function engine.tg_webhooks__judge() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_caller name := current_setting('role')::name;
begin
  new.role_id := coalesce(new.role_id, (select r.id from metadata.roles r where r.pg_role = engine.crm_role(v_caller) and r.workspace_id = new.workspace_id),
    (select r.id from metadata.roles r where r.workspace_id = new.workspace_id and r.is_system and r.has_all_permissions));
  if not engine.acts_as_administrator() and not engine.may('ROLES') and new.role_id not in (select engine.roles_of(v_caller)) then
    raise exception 'The webhook tells what its role sees, and your role may see less.' using errcode = '42501', column = 'role_id',
      hint = 'Give it your own role, or ask somebody who keeps the roles.';
  end if;
  return new;
end
$$;
create or replace trigger _100_judge before insert or update on metadata.webhooks for each row execute function engine.tg_webhooks__judge();

-- What one statement's changes look like to one webhook, or null when the hook is gone or off: records and fields
-- that its role reads, as the records are now or lie in the trash. It is nobody's, so rules that ask for the member are true of nobody.
create or replace function engine.webhook_delivery(workspace_id uuid, webhook_id uuid, batch bigint) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_hook record;
  v_object metadata.objects;
  v_table text;
  v_is_whole boolean;
  v_condition text := 'true';
  v_names text[];
  v_since timestamptz[];
  v_knows_who boolean := true;
  v_payloads jsonb;
begin
  select h.target_url, h.events, w.schema_name, r.pg_role into v_hook
  from metadata.webhooks h join core.workspaces w on w.id = h.workspace_id join metadata.roles r on r.id = h.role_id
  where h.id = webhook_id and h.workspace_id = webhook_delivery.workspace_id and h.is_active;
  if not found then
    return null;
  end if;
  -- A batch is one statement, on one table.
  execute format('select o.* from %I.record_events e join metadata.objects o on o.id = e.object_id where e.batch = $1 limit 1', v_hook.schema_name) into v_object using batch;
  if v_object.id is null then
    return jsonb_build_object('url', v_hook.target_url, 'payloads', '[]'::jsonb);
  end if;
  v_table := format('%I.%I', v_hook.schema_name, v_object.table_name);
  v_is_whole := exists (select from engine.find_wholly_readable(v_hook.pg_role::name, array[v_object.id]));
  if not v_is_whole then
    v_condition := engine.condition_of(v_hook.pg_role::name, v_object.id, 'READ', 't.', '00000000-0000-0000-0000-000000000000');
    select array_agg(c.name), array_agg(c.since) into v_names, v_since from engine.past_columns(v_hook.pg_role::name, v_hook.schema_name, v_object) c;
    v_knows_who := has_column_privilege(v_hook.pg_role, v_table, 'created_by_name', 'select') and has_column_privilege(v_hook.pg_role, v_table, 'updated_by_name', 'select');
  end if;
  execute format(
    'select jsonb_agg(jsonb_build_object(
        ''id'', e.batch || ''-'' || e.seq, ''type'', $3 || ''.'' || e.action, ''timestamp'', e.happened_at,
        ''workspaceId'', $2, ''object'', $3, ''recordId'', e.record_id,
        ''actor'', case when $8 then jsonb_build_object(''type'', e.actor_type, ''id'', e.actor_id, ''name'', e.actor_name) end,
        ''before'', v.before, ''after'', v.after) order by e.seq)
     from %1$I.record_events e
     cross join lateral (
       select case when $5 then e.before else engine.past_values(e.before, e.happened_at, $6, $7) end as before,
         case when $5 then e.after else engine.past_values(e.after, e.happened_at, $6, $7) end as after
     ) v
     where e.batch = $1 and ($5 or (e.action <> ''updated'' or v.before <> ''{}'') and (
       exists (select from %2$s t where t.id = e.record_id and %3$s)
       or exists (select from %1$I.trash d cross join lateral jsonb_populate_record(null::%2$s, d.data) t where d.object_id = $4 and d.record_id = e.record_id and %3$s)))',
    v_hook.schema_name, v_table, v_condition)
  into v_payloads using batch, workspace_id, v_object.name_singular, v_object.id, v_is_whole, v_names, v_since, v_knows_who;
  return jsonb_build_object('url', v_hook.target_url, 'payloads', coalesce(v_payloads, '[]'));
end
$$;
grant execute on function engine.webhook_delivery(uuid, uuid, bigint) to relvar_worker;
--! EndIncluded metadata/webhooks.sql
--! Included core/scim.sql
-- Provisioning by SCIM 2.0 (RFC 7643, 7644): a directory says who is a member and in which groups. What it may say ends with
-- the membership: an account belongs to its owner, and a role is given by what an administrator has mapped a group to.

create or replace function core.resolve_scim_token(token_hash bytea) returns table (id uuid, workspace_id uuid, name text)
language sql volatile security definer set search_path = ''
as $$
  update core.scim_tokens t set last_used_at = now()
  where t.token_hash = resolve_scim_token.token_hash and (t.last_used_at is null or t.last_used_at < now() - interval '1 minute');
  select t.id, t.workspace_id, t.name from core.scim_tokens t
  where t.token_hash = resolve_scim_token.token_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
$$;

-- Directories send many requests at once, and each change reads before it writes.
create or replace function core.lock_scim(workspace_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$ select pg_advisory_xact_lock(hashtextextended('relvar.scim.' || lock_scim.workspace_id, 0)) $$;

-- The values at a path of a resource: names are found in any case, lists are gone through.
create or replace function core.scim_values(resource jsonb, path text[]) returns setof jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_each jsonb;
begin
  if jsonb_typeof(resource) = 'array' then
    for v_each in select e from jsonb_array_elements(resource) e loop
      return query select * from core.scim_values(v_each, path);
    end loop;
  elsif cardinality(path) = 0 then
    -- A list of objects is compared by what each is for.
    if jsonb_typeof(resource) = 'object' then
      return query select resource -> 'value' where resource ? 'value';
    elsif resource is not null and resource <> 'null' then
      return next resource;
    end if;
  elsif jsonb_typeof(resource) = 'object' then
    for v_each in select e.value from jsonb_each(resource) e where lower(e.key) = lower(path[1]) loop
      return query select * from core.scim_values(v_each, path[2:]);
    end loop;
  end if;
end
$$;

create or replace function core.scim_compares(value jsonb, op text, wanted jsonb, is_exact boolean, is_time boolean) returns boolean
language plpgsql immutable set search_path = ''
as $$
declare
  v_value text := case when is_exact then value #>> '{}' else lower(value #>> '{}') end;
  v_wanted text := case when is_exact then wanted #>> '{}' else lower(wanted #>> '{}') end;
begin
  if op in ('gt', 'ge', 'lt', 'le') and is_time then
    return case op when 'gt' then v_value::timestamptz > v_wanted::timestamptz when 'ge' then v_value::timestamptz >= v_wanted::timestamptz
      when 'lt' then v_value::timestamptz < v_wanted::timestamptz else v_value::timestamptz <= v_wanted::timestamptz end;
  end if;
  return case op when 'eq' then v_value = v_wanted when 'co' then strpos(v_value, v_wanted) > 0 when 'sw' then starts_with(v_value, v_wanted)
    when 'ew' then right(v_value, length(v_wanted)) = v_wanted when 'gt' then v_value > v_wanted when 'ge' then v_value >= v_wanted
    when 'lt' then v_value < v_wanted when 'le' then v_value <= v_wanted end;
exception when invalid_datetime_format or datetime_field_overflow then
  return false;
end
$$;

-- A filter is data to this function, never a part of a statement.
create or replace function core.scim_matches(resource jsonb, filter jsonb) returns boolean
language plpgsql immutable set search_path = ''
as $$
declare
  v_op text := filter ->> 'op';
  v_path text[] := string_to_array(filter ->> 'attrPath', '.');
  v_wanted jsonb := filter -> 'compValue';
  v_is_exact boolean := lower(filter ->> 'attrPath') in ('id', 'externalid', 'meta.version');
  v_is_time boolean := lower(filter ->> 'attrPath') in ('meta.created', 'meta.lastmodified');
begin
  case v_op
    when 'and' then return not exists (select from jsonb_array_elements(filter -> 'filters') f where core.scim_matches(resource, f) is not true);
    when 'or' then return exists (select from jsonb_array_elements(filter -> 'filters') f where core.scim_matches(resource, f));
    when 'not' then return core.scim_matches(resource, filter -> 'filter') is not true;
    when '[]' then
      return exists (select from jsonb_each(resource) e cross join lateral jsonb_array_elements(case when jsonb_typeof(e.value) = 'array' then e.value else jsonb_build_array(e.value) end) v
        where lower(e.key) = lower(filter ->> 'attrPath') and core.scim_matches(v, filter -> 'valFilter'));
    when 'pr' then return exists (select from core.scim_values(resource, v_path) v where v not in ('""', '[]'));
    else
      if v_wanted = 'null' then
        return (v_op = 'ne') = exists (select from core.scim_values(resource, v_path));
      elsif v_op = 'ne' then
        return not exists (select from core.scim_values(resource, v_path) v where core.scim_compares(v, 'eq', v_wanted, v_is_exact, v_is_time));
      end if;
      return exists (select from core.scim_values(resource, v_path) v where core.scim_compares(v, v_op, v_wanted, v_is_exact, v_is_time));
  end case;
end
$$;
comment on function core.scim_matches(jsonb, jsonb) is 'Whether a resource fulfils a filter of RFC 7644, parsed: {op, attrPath, compValue}, {op: and|or, filters}, {op: not, filter}, {op: [], attrPath, valFilter}.';

create or replace function core.with_scim_version(resource jsonb) returns jsonb
language sql immutable set search_path = ''
  return jsonb_set(resource, '{meta,version}', to_jsonb('W/"' || left(md5(resource::text), 20) || '"'));

create or replace function core.scim_time(moment timestamptz) returns text
language sql stable set search_path = ''
  return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- A member as a directory sees it. Members whom no directory has made are there, too, so that it finds and adopts them.
create or replace function core.scim_user(member core.members) returns jsonb
language sql stable set search_path = ''
as $$
  select core.with_scim_version(jsonb_strip_nulls(jsonb_build_object(
    'schemas', jsonb_build_array('urn:ietf:params:scim:schemas:core:2.0:User'),
    'id', (member).id, 'externalId', s.external_id, 'userName', coalesce(s.user_name, u.email), 'displayName', (member).name,
    'name', jsonb_build_object('formatted', (member).name, 'givenName', core.first_name((member).name), 'familyName', core.last_name((member).name)),
    'emails', coalesce(s.emails, jsonb_build_array(jsonb_build_object('value', u.email, 'type', 'work', 'primary', true))),
    'active', (member).is_active,
    'groups', (select coalesce(jsonb_agg(jsonb_build_object('value', g.id, 'display', g.display_name) order by g.display_name), '[]')
      from core.scim_group_members gm join core.scim_groups g on g.id = gm.group_id where gm.member_id = (member).id),
    'meta', jsonb_build_object('resourceType', 'User', 'created', core.scim_time((member).created_at),
      'lastModified', core.scim_time(greatest((member).created_at, s.updated_at))))))
  from core.users u left join core.scim_users s on s.member_id = (member).id where u.id = (member).user_id
$$;

create or replace function core.list_scim_users(workspace_id uuid, filter jsonb, first_index int, max_results int) returns table (total bigint, resources jsonb)
language sql stable security definer set search_path = ''
as $$
  -- What directories ask all day, one user by a name, needs no resource of every other.
  with wanted as (
    select case when filter ->> 'op' = 'eq' then lower(filter ->> 'attrPath') end as name, filter ->> 'compValue' as value
  ), found as (
    select m.id, m.created_at, core.scim_user(m) as resource
    from wanted w cross join core.members m join core.users u on u.id = m.user_id left join core.scim_users s on s.member_id = m.id
    where m.workspace_id = list_scim_users.workspace_id
      and (w.name is distinct from 'username' or lower(coalesce(s.user_name, u.email)) = lower(w.value))
      and (w.name is distinct from 'externalid' or s.external_id = w.value)
      and (w.name is distinct from 'id' or m.id::text = w.value)
  ), matching as (
    select f.id, f.created_at, f.resource from found f where filter is null or core.scim_matches(f.resource, filter)
  )
  select (select count(*) from matching),
    (select coalesce(jsonb_agg(p.resource order by p.created_at, p.id), '[]') from (
      select * from matching m order by m.created_at, m.id offset greatest(first_index, 1) - 1 limit max_results) p)
$$;

create or replace function core.scim_member(workspace_id uuid, id uuid) returns core.members
language plpgsql stable set search_path = ''
as $$
declare
  v_member core.members;
begin
  select * into v_member from core.members m where m.id = scim_member.id and m.workspace_id = scim_member.workspace_id;
  if not found then
    raise exception 'There is no such user.' using errcode = 'RV172';
  end if;
  return v_member;
end
$$;

create or replace function core.get_scim_user(workspace_id uuid, id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$ select core.scim_user(core.scim_member(get_scim_user.workspace_id, get_scim_user.id)) $$;

-- The address by which a resource names its account.
create or replace function core.scim_email(resource jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_email text;
begin
  select lower(btrim(e ->> 'value')) into v_email
  from jsonb_array_elements(case when jsonb_typeof(resource -> 'emails') = 'array' then resource -> 'emails' else '[]' end) with ordinality as l (e, n)
  where e ->> 'value' <> '' order by coalesce(e ->> 'primary', '') = 'true' desc, n limit 1;
  v_email := coalesce(v_email, lower(btrim(resource ->> 'userName')));
  if core.is_email(v_email) is not true then
    raise exception 'A user needs an e-mail address: in emails, or as userName.' using errcode = 'RV169', column = 'emails';
  end if;
  return v_email;
end
$$;

create or replace function core.scim_name(resource jsonb) returns text
language sql immutable set search_path = ''
as $$
  select left(coalesce(nullif(btrim(concat_ws(' ', nullif(btrim(resource #>> '{name,givenName}'), ''), nullif(btrim(resource #>> '{name,familyName}'), ''))), ''),
    nullif(btrim(resource ->> 'displayName'), ''), nullif(btrim(resource #>> '{name,formatted}'), '')), 200)
$$;

create or replace function core.is_domain_proved(workspace_id uuid, email text) returns boolean
language sql stable set search_path = ''
as $$
  select exists (select from core.approved_domains d
    where d.workspace_id = is_domain_proved.workspace_id and d.domain = core.domain_of(is_domain_proved.email) and d.approved_at is not null)
$$;

create or replace function core.note_scim(kind text, member core.members, token_name text, detail jsonb default '{}') returns void
language sql volatile set search_path = ''
as $$
  select core.note_auth_event(note_scim.kind, (member).workspace_id, (member).user_id,
    detail => note_scim.detail || jsonb_build_object('memberId', (member).id, 'by', 'SCIM: ' || token_name))
$$;

-- Somebody must always be able to let people in again; told here, in words, before the constraint of core.members tells it.
create or replace function core.assert_not_last_administrator(member core.members) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if exists (select from metadata.roles r where r.id = (member).role_id and r.is_system and r.has_all_permissions) and (member).is_active
    and not exists (select from core.members m where m.workspace_id = (member).workspace_id and m.role_id = (member).role_id and m.is_active and m.id <> (member).id) then
    raise exception 'The last administrator of a workspace stays one.' using errcode = 'RV171', hint = 'Make another member an administrator first.';
  end if;
end
$$;

create or replace function core.set_scim_active(member core.members, is_active boolean, token_name text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if (member).is_active = is_active then
    return;
  end if;
  if not is_active then
    perform core.assert_not_last_administrator(member);
  end if;
  update core.members m set is_active = set_scim_active.is_active where m.id = (member).id;
  if not is_active then
    perform core.revoke_session(s.id, 'MEMBER_DEACTIVATED') from core.sessions s
    where s.user_id = (member).user_id and s.workspace_id = (member).workspace_id and s.revoked_at is null;
  end if;
  perform core.note_scim(case when is_active then 'MEMBER_REACTIVATED' else 'MEMBER_DEACTIVATED' end, member, token_name);
end
$$;

create or replace function core.create_scim_user(workspace_id uuid, resource jsonb, token_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_email text := core.scim_email(resource);
  v_name text := coalesce(core.scim_name(resource), split_part(v_email, '@', 1));
  v_user core.users;
  v_id uuid;
  v_member core.members;
begin
  perform core.lock_scim(workspace_id);
  if exists (select from core.members m join core.users u on u.id = m.user_id left join core.scim_users s on s.member_id = m.id
      where m.workspace_id = create_scim_user.workspace_id
        and (lower(u.email) = v_email or lower(coalesce(s.user_name, u.email)) = lower(btrim(resource ->> 'userName')))) then
    raise exception 'There is a user with this name or address already.' using errcode = 'RV168', hint = 'Find it by userName, and change that one.';
  end if;
  -- The same for an address that has an account and for one that has none: nobody learns which it is.
  if not core.is_domain_proved(workspace_id, v_email) then
    raise exception 'The workspace has not proved that % is its domain.', core.domain_of(v_email) using errcode = 'RV170',
      hint = 'An administrator asks for the approval of the domain under Members. Or invite the person there.';
  end if;
  select * into v_user from core.users u where lower(u.email) = v_email for update;
  if v_user.disabled_at is not null then
    raise exception 'This account has been disabled.' using errcode = 'RV111', hint = 'Ask the administrator of this server.';
  end if;
  if v_user.id is null then
    insert into core.users (email, name) values (v_email, v_name) returning * into v_user;
  end if;
  v_id := core.join_workspace(workspace_id, v_user.id, core.default_role(workspace_id), v_name);
  v_member := core.scim_member(workspace_id, v_id);
  insert into core.scim_users (member_id, workspace_id) values (v_member.id, v_member.workspace_id);
  update core.invitations i set accepted_at = now()
  where i.workspace_id = v_member.workspace_id and lower(i.email) = v_email and i.accepted_at is null and i.revoked_at is null;
  perform core.note_scim('MEMBER_JOINED', v_member, token_name);
  return core.save_scim_user(workspace_id, v_member.id, resource, token_name);
end
$$;

create or replace function core.save_scim_user(workspace_id uuid, id uuid, resource jsonb, token_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members;
  v_user core.users;
  v_user_name text := btrim(resource ->> 'userName');
  v_email text := core.scim_email(resource);
  v_name text := core.scim_name(resource);
begin
  perform core.lock_scim(workspace_id);
  v_member := core.scim_member(workspace_id, id);
  select * into strict v_user from core.users u where u.id = v_member.user_id;
  if coalesce(v_user_name, '') = '' or length(v_user_name) > 254 or length(resource ->> 'externalId') > 500 or length(resource ->> 'emails') > 4000 then
    raise exception 'A user needs a userName of at most 254 letters.' using errcode = 'RV169', column = 'userName';
  end if;
  if exists (select from core.members m join core.users u on u.id = m.user_id left join core.scim_users s on s.member_id = m.id
      where m.workspace_id = v_member.workspace_id and m.id <> v_member.id and lower(coalesce(s.user_name, u.email)) = lower(v_user_name)) then
    raise exception 'There is a user with this name or address already.' using errcode = 'RV168', hint = 'Find it by userName, and change that one.';
  end if;
  insert into core.scim_users as s (member_id, workspace_id, user_name, external_id, emails)
  values (v_member.id, v_member.workspace_id, v_user_name, resource ->> 'externalId', resource -> 'emails')
  on conflict (member_id) do update set user_name = excluded.user_name, external_id = excluded.external_id, emails = excluded.emails, updated_at = now();
  -- An address is how accounts are got back, so it is changed for the workspace's own accounts alone, within its own domains.
  -- Of all others the directory may say what it likes; the answer is the same.
  if v_email <> lower(v_user.email) and core.is_account_of(v_user.id, v_member.workspace_id)
    and core.is_domain_proved(v_member.workspace_id, v_user.email) and core.is_domain_proved(v_member.workspace_id, v_email)
    and not exists (select from core.users u where lower(u.email) = v_email) then
    update core.users u set email = v_email where u.id = v_user.id;
    perform core.note_scim('EMAIL_CHANGED', v_member, token_name, jsonb_build_object('formerEmail', v_user.email));
  end if;
  if v_name is not null and v_name <> v_member.name then
    update core.members m set name = v_name where m.id = v_member.id;
  end if;
  if jsonb_typeof(resource -> 'active') = 'boolean' then
    perform core.set_scim_active(v_member, (resource -> 'active')::boolean, token_name);
  end if;
  return core.get_scim_user(workspace_id, v_member.id);
end
$$;

create or replace function core.delete_scim_user(workspace_id uuid, id uuid, token_name text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members;
begin
  perform core.lock_scim(workspace_id);
  v_member := core.scim_member(workspace_id, id);
  perform core.assert_not_last_administrator(v_member);
  perform core.revoke_session(s.id, 'MEMBER_REMOVED') from core.sessions s
  where s.user_id = v_member.user_id and s.workspace_id = v_member.workspace_id and s.revoked_at is null;
  delete from core.members m where m.id = v_member.id;
  execute format('delete from %I.workspace_members where id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id)) using v_member.id;
  perform core.note_scim('MEMBER_REMOVED', v_member, token_name);
end
$$;

grant execute on function core.resolve_scim_token(bytea), core.lock_scim(uuid), core.list_scim_users(uuid, jsonb, int, int), core.get_scim_user(uuid, uuid),
  core.create_scim_user(uuid, jsonb, text), core.save_scim_user(uuid, uuid, jsonb, text), core.delete_scim_user(uuid, uuid, text) to relvar_server;
--! EndIncluded core/scim.sql
--! Included core/scim_groups.sql
-- Groups of a directory. They are made and filled by the directory; what they give is said here, by who may give it: a role,
-- a team, both or nothing.

create or replace function core.scim_group(g core.scim_groups, with_members boolean) returns jsonb
language sql stable set search_path = ''
as $$
  select core.with_scim_version(jsonb_strip_nulls(jsonb_build_object(
    'schemas', jsonb_build_array('urn:ietf:params:scim:schemas:core:2.0:Group'),
    'id', (g).id, 'externalId', (g).external_id, 'displayName', (g).display_name,
    'members', case when with_members then (select coalesce(jsonb_agg(jsonb_build_object('value', m.id, 'display', m.name, 'type', 'User') order by m.id), '[]')
      from core.scim_group_members gm join core.members m on m.id = gm.member_id where gm.group_id = (g).id) end,
    'meta', jsonb_build_object('resourceType', 'Group', 'created', core.scim_time((g).created_at), 'lastModified', core.scim_time((g).updated_at)))))
$$;

create or replace function core.list_scim_groups(workspace_id uuid, filter jsonb, first_index int, max_results int, with_members boolean) returns table (total bigint, resources jsonb)
language sql stable security definer set search_path = ''
as $$
  with wanted as (
    select case when filter ->> 'op' = 'eq' then lower(filter ->> 'attrPath') end as name, filter ->> 'compValue' as value
  ), found as (
    -- A filter may ask for members that the answer leaves out.
    select g.id, g.created_at, core.scim_group(g, with_members or filter is not null) as resource
    from wanted w cross join core.scim_groups g
    where g.workspace_id = list_scim_groups.workspace_id
      and (w.name is distinct from 'displayname' or lower(g.display_name) = lower(w.value))
      and (w.name is distinct from 'externalid' or g.external_id = w.value)
      and (w.name is distinct from 'id' or g.id::text = w.value)
  ), matching as (
    select f.id, f.created_at, case when with_members then f.resource else f.resource - 'members' end as resource
    from found f where filter is null or core.scim_matches(f.resource, filter)
  )
  select (select count(*) from matching),
    (select coalesce(jsonb_agg(p.resource order by p.created_at, p.id), '[]') from (
      select * from matching m order by m.created_at, m.id offset greatest(first_index, 1) - 1 limit max_results) p)
$$;

create or replace function core.scim_group_row(workspace_id uuid, id uuid) returns core.scim_groups
language plpgsql stable set search_path = ''
as $$
declare
  v_group core.scim_groups;
begin
  select * into v_group from core.scim_groups g where g.id = scim_group_row.id and g.workspace_id = scim_group_row.workspace_id;
  if not found then
    raise exception 'There is no such group.' using errcode = 'RV172';
  end if;
  return v_group;
end
$$;

create or replace function core.get_scim_group(workspace_id uuid, id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$ select core.scim_group(core.scim_group_row(get_scim_group.workspace_id, get_scim_group.id), true) $$;

-- A member has one role: that of the first of the mapped groups, by their order. Who is in none of them any more gets the
-- default role, and whose role was given by hand keeps it.
create or replace function core.apply_scim_roles(workspace_id uuid, member_ids uuid[], token_name text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_member core.members;
  v_role uuid;
  v_was_mapped boolean;
begin
  for v_member in select m.* from core.members m where m.id = any (member_ids) and m.workspace_id = apply_scim_roles.workspace_id order by m.id loop
    select g.role_id into v_role from core.scim_group_members gm join core.scim_groups g on g.id = gm.group_id
    where gm.member_id = v_member.id and g.role_id is not null order by g.position, g.created_at, g.id limit 1;
    select s.has_mapped_role into v_was_mapped from core.scim_users s where s.member_id = v_member.id;
    continue when v_role is null and v_was_mapped is not true;
    insert into core.scim_users as s (member_id, workspace_id, has_mapped_role) values (v_member.id, v_member.workspace_id, v_role is not null)
    on conflict (member_id) do update set has_mapped_role = excluded.has_mapped_role;
    perform core.set_role_anew(v_member, coalesce(v_role, core.default_role(v_member.workspace_id)), 'SCIM: ' || token_name);
    if (select m.role_id from core.members m where m.id = v_member.id) <> coalesce(v_role, core.default_role(v_member.workspace_id)) then
      -- The last administrator stays one, whatever a directory says.
      perform core.note_scim('SCIM_ROLE_KEPT', v_member, token_name);
    end if;
  end loop;
end
$$;

-- Puts into a team whom a group brings, and takes out whom none brings any more that did.
create or replace function core.apply_scim_team(team_id uuid, joined uuid[], left_by uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if team_id is null then
    return;
  end if;
  insert into metadata.team_members (workspace_id, team_id, member_id)
  select m.workspace_id, apply_scim_team.team_id, m.id from core.members m
  where m.id = any (joined) and not exists (select from metadata.team_members t where t.team_id = apply_scim_team.team_id and t.member_id = m.id);
  delete from metadata.team_members t where t.team_id = apply_scim_team.team_id and t.member_id = any (left_by)
    and not exists (select from core.scim_group_members gm join core.scim_groups g on g.id = gm.group_id
      where gm.member_id = t.member_id and g.team_id = apply_scim_team.team_id);
end
$$;

create or replace function core.save_scim_group(workspace_id uuid, id uuid, resource jsonb, token_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_group core.scim_groups;
  v_name text := btrim(resource ->> 'displayName');
  v_wanted uuid[];
  v_joined uuid[];
  v_left uuid[];
begin
  perform core.lock_scim(save_scim_group.workspace_id);
  if coalesce(v_name, '') = '' or length(v_name) > 200 or length(resource ->> 'externalId') > 500 then
    raise exception 'A group needs a displayName of at most 200 letters.' using errcode = 'RV169', column = 'displayName';
  end if;
  if exists (select from core.scim_groups g where g.workspace_id = save_scim_group.workspace_id and g.id is distinct from save_scim_group.id and lower(g.display_name) = lower(v_name)) then
    raise exception 'There is a group "%" already.', v_name using errcode = 'RV168', hint = 'Find it by displayName, and change that one.';
  end if;
  if exists (select from core.scim_values(resource -> 'members', '{}') v where v #>> '{}' !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') then
    raise exception 'Members of a group are users, by their id.' using errcode = 'RV169', column = 'members';
  end if;
  v_wanted := array(select distinct (v #>> '{}')::uuid from core.scim_values(resource -> 'members', '{}') v);
  if exists (select from unnest(v_wanted) w where not exists (select from core.members m where m.id = w and m.workspace_id = save_scim_group.workspace_id)) then
    raise exception 'One of the members is no user of this workspace.' using errcode = 'RV169', column = 'members';
  end if;
  if save_scim_group.id is null then
    insert into core.scim_groups (workspace_id, display_name, external_id) values (save_scim_group.workspace_id, v_name, resource ->> 'externalId') returning * into v_group;
    perform core.note_auth_event('SCIM_GROUP_CREATED', v_group.workspace_id, detail => jsonb_build_object('name', v_name, 'by', 'SCIM: ' || token_name));
  else
    v_group := core.scim_group_row(save_scim_group.workspace_id, save_scim_group.id);
    update core.scim_groups g set display_name = v_name, external_id = resource ->> 'externalId', updated_at = now() where g.id = v_group.id;
  end if;
  with gone as (
    delete from core.scim_group_members gm where gm.group_id = v_group.id and gm.member_id <> all (v_wanted) returning gm.member_id
  ), come as (
    insert into core.scim_group_members (group_id, member_id) select v_group.id, w from unnest(v_wanted) w on conflict do nothing returning member_id
  )
  select array(select g.member_id from gone g), array(select c.member_id from come c) into v_left, v_joined;
  perform core.apply_scim_team(v_group.team_id, v_joined, v_left);
  perform core.apply_scim_roles(v_group.workspace_id, v_left || v_joined, token_name);
  return core.get_scim_group(v_group.workspace_id, v_group.id);
end
$$;

create or replace function core.delete_scim_group(workspace_id uuid, id uuid, token_name text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_group core.scim_groups;
  v_members uuid[];
begin
  perform core.lock_scim(workspace_id);
  v_group := core.scim_group_row(workspace_id, id);
  v_members := array(select gm.member_id from core.scim_group_members gm where gm.group_id = v_group.id);
  delete from core.scim_groups g where g.id = v_group.id;
  perform core.apply_scim_team(v_group.team_id, '{}', v_members);
  perform core.apply_scim_roles(v_group.workspace_id, v_members, token_name);
  perform core.note_auth_event('SCIM_GROUP_DELETED', v_group.workspace_id, detail => jsonb_build_object('name', v_group.display_name, 'by', 'SCIM: ' || token_name));
end
$$;

grant execute on function core.list_scim_groups(uuid, jsonb, int, int, boolean), core.get_scim_group(uuid, uuid), core.save_scim_group(uuid, uuid, jsonb, text),
  core.delete_scim_group(uuid, uuid, text) to relvar_server;
--! EndIncluded core/scim_groups.sql
--! Included metadata/provisioning.sql
-- Who may provision members, and what groups of the directory give.

-- A token makes members and puts them into groups, so it is for who may do both by hand.
create or replace function engine.assert_provisions() returns uuid
language plpgsql stable set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'SECURITY');
  return engine.assert_keeps_members();
end
$$;

create or replace function metadata.provisioning() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_provisions();
begin
  return jsonb_build_object(
    'tokens', (select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'prefix', t.prefix, 'createdAt', t.created_at, 'createdByName', t.created_by_name,
        'expiresAt', t.expires_at, 'lastUsedAt', t.last_used_at) order by t.created_at desc), '[]')
      from core.scim_tokens t where t.workspace_id = v_workspace and t.revoked_at is null),
    'groups', (select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'displayName', g.display_name, 'roleId', g.role_id, 'teamId', g.team_id, 'position', g.position,
        'members', (select count(*) from core.scim_group_members gm where gm.group_id = g.id)) order by g.position, g.created_at, g.id), '[]')
      from core.scim_groups g where g.workspace_id = v_workspace),
    'users', (select count(*) from core.scim_users s where s.workspace_id = v_workspace and s.user_name is not null),
    'domains', (select coalesce(jsonb_agg(d.domain order by d.domain), '[]') from core.approved_domains d where d.workspace_id = v_workspace and d.approved_at is not null));
end
$$;
comment on function metadata.provisioning() is
  'Provisioning by SCIM: {tokens: [{id, name, prefix, createdAt, createdByName, expiresAt, lastUsedAt}], groups: [{id, displayName, roleId, teamId, position, members}], users: how many a directory keeps, domains: for which it may make members}.';

create or replace function metadata.create_scim_token(name text, expires_at timestamptz default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_provisions();
  v_secret text := 'rvs_' || rtrim(translate(encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'), '+/', '-_'), '=');
  v_id uuid;
begin
  if btrim(coalesce(create_scim_token.name, '')) = '' or length(create_scim_token.name) > 100 then
    raise exception 'A key needs a name.' using errcode = 'RV120', column = 'name', hint = 'Say what it is for, in at most 100 letters.';
  end if;
  if create_scim_token.expires_at <= now() then
    raise exception 'The key would have expired already.' using errcode = 'RV121', column = 'expiresAt', hint = 'Choose a later day, or none.';
  end if;
  if (select count(*) from core.scim_tokens t where t.workspace_id = v_workspace and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())) >= 5 then
    raise exception 'A workspace has at most five tokens for provisioning.' using errcode = 'RV173', hint = 'Revoke one that is not used any more.';
  end if;
  -- Whoever has the token gives the roles of the groups.
  perform engine.assert_may_assign(v_workspace, g.role_id) from core.scim_groups g where g.workspace_id = v_workspace and g.role_id is not null;
  insert into core.scim_tokens (workspace_id, name, prefix, token_hash, expires_at, created_by_name)
  values (v_workspace, btrim(create_scim_token.name), left(v_secret, 9), sha256(v_secret::bytea), create_scim_token.expires_at, engine.actor_name())
  returning id into v_id;
  perform engine.note_security_change(jsonb_build_object('scimToken', btrim(create_scim_token.name)));
  return jsonb_build_object('id', v_id, 'secret', v_secret);
end
$$;
comment on function metadata.create_scim_token(text, timestamptz) is
  'Makes a token with which a directory provisions members at /scim/v2: {id, secret}. The secret is told only now. For who keeps security and members and could give the roles that groups are mapped to.';

create or replace function metadata.revoke_scim_token(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_provisions();
  v_name text;
begin
  update core.scim_tokens t set revoked_at = now() where t.id = revoke_scim_token.id and t.workspace_id = v_workspace and t.revoked_at is null returning t.name into v_name;
  if not found then
    return false;
  end if;
  perform engine.note_security_change(jsonb_build_object('scimTokenRevoked', v_name));
  return true;
end
$$;
comment on function metadata.revoke_scim_token(uuid) is 'Ends a token for provisioning at once. False when there is none such. Members that came by it stay.';

create or replace function metadata.map_scim_group(id uuid, role_id uuid default null, team_id uuid default null, "position" int default 0) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_provisions();
  v_group core.scim_groups;
  v_members uuid[];
begin
  perform core.lock_scim(v_workspace);
  v_group := core.scim_group_row(v_workspace, map_scim_group.id);
  if map_scim_group.role_id is distinct from v_group.role_id then
    perform engine.assert_may_assign(v_workspace, r) from unnest(array_remove(array[map_scim_group.role_id, v_group.role_id], null)) r;
  end if;
  if map_scim_group.team_id is not null and not exists (select from metadata.teams t where t.id = map_scim_group.team_id and t.workspace_id = v_workspace) then
    raise exception 'There is no such team.' using errcode = 'RV169', column = 'teamId', hint = 'metadata.teams lists them.';
  end if;
  update core.scim_groups g set role_id = map_scim_group.role_id, team_id = map_scim_group.team_id, position = coalesce(map_scim_group."position", 0), updated_at = now()
  where g.id = v_group.id;
  v_members := array(select gm.member_id from core.scim_group_members gm where gm.group_id = v_group.id);
  if map_scim_group.team_id is distinct from v_group.team_id then
    perform core.apply_scim_team(v_group.team_id, '{}', v_members), core.apply_scim_team(map_scim_group.team_id, v_members, '{}');
  end if;
  perform core.apply_scim_roles(v_workspace, v_members, engine.actor_name());
  perform engine.note_security_change(jsonb_build_object('scimGroup', v_group.display_name, 'roleId', map_scim_group.role_id, 'teamId', map_scim_group.team_id));
  return metadata.provisioning();
end
$$;
comment on function metadata.map_scim_group(uuid, uuid, uuid, int) is
  'What a group of the directory gives its members: a role, a team, both or nothing. Of several groups with a role the one with the lowest position counts. Holds for those who are in it at once.';

create or replace function metadata.remove_scim_group(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_provisions();
  v_role uuid := (core.scim_group_row(v_workspace, remove_scim_group.id)).role_id;
begin
  if v_role is not null then
    perform engine.assert_may_assign(v_workspace, v_role);
  end if;
  perform core.delete_scim_group(v_workspace, remove_scim_group.id, engine.actor_name());
  return metadata.provisioning();
end
$$;
comment on function metadata.remove_scim_group(uuid) is 'Forgets a group of the directory, with what it gives. The directory may make it again.';

revoke execute on function metadata.provisioning(), metadata.create_scim_token(text, timestamptz), metadata.revoke_scim_token(uuid),
  metadata.map_scim_group(uuid, uuid, uuid, int), metadata.remove_scim_group(uuid) from public;
grant execute on function metadata.provisioning(), metadata.create_scim_token(text, timestamptz), metadata.revoke_scim_token(uuid),
  metadata.map_scim_group(uuid, uuid, uuid, int), metadata.remove_scim_group(uuid) to relvar_crm;
--! EndIncluded metadata/provisioning.sql
-- Mails lead to the address of their workspace.
drop function core.mail_to_send(uuid);
--! Included core/mail.sql
-- Mail leaves by the outbox: whoever has something to say writes a row, and a job of the worker writes
-- and sends the letter. So a mail is committed together with what it tells of, or neither is.

create or replace function core.is_email(address text) returns boolean
language sql immutable parallel safe set search_path = ''
  -- Stricter than what mail permits: nothing that a header or a list of addresses could be made of.
  return address ~ '^[^@\s[:cntrl:]<>()\[\],;:"\\]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$' and length(address) <= 254;

create or replace function core.queue_mail(to_address text, template text, props jsonb default '{}', workspace_id uuid default null, locale text default 'en') returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  if core.is_email(to_address) is not true then
    raise exception '"%" is not an e-mail address.', to_address using errcode = 'RV043', column = 'email';
  end if;
  insert into core.mail_outbox (to_address, template, props, workspace_id, locale)
  values (queue_mail.to_address, queue_mail.template, queue_mail.props, queue_mail.workspace_id, coalesce(queue_mail.locale, 'en'))
  returning id into v_id;
  -- Mails come at the pace of people, so the lock that adding a job takes at commit is no matter.
  perform graphile_worker.add_job('mail__send', json_build_object('id', v_id), max_attempts => 10, job_key => 'mail:' || v_id);
  return v_id;
end
$$;
comment on function core.queue_mail(text, text, jsonb, uuid, text) is
  'Has the worker send a mail made of a template (worker/mail/templates.ts) and its props. It leaves only if the transaction commits.';

create or replace function core.mail_to_send(id uuid) returns table (to_address text, template text, props jsonb, locale text, workspace_name text, workspace_slug text)
language sql stable security definer set search_path = ''
as $$
  select m.to_address, m.template, m.props, m.locale, w.name, w.slug
  from core.mail_outbox m left join core.workspaces w on w.id = m.workspace_id
  where m.id = mail_to_send.id and m.sent_at is null and m.kept_at is null and m.failed_at is null
$$;

-- A letter that was sent or given up is not needed any more, and it may hold a link that signs somebody in.
create or replace function core.note_mail_sent(id uuid, subject text) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set sent_at = now(), attempts = m.attempts + 1, subject = note_mail_sent.subject, props = '{}', error = null
  where m.id = note_mail_sent.id
$$;

create or replace function core.note_mail_kept(id uuid, subject text, html text, body_text text) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set kept_at = now(), subject = note_mail_kept.subject, html = note_mail_kept.html, body_text = note_mail_kept.body_text, props = '{}'
  where m.id = note_mail_kept.id
$$;

create or replace function core.note_mail_failure(id uuid, error text, is_final boolean) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set attempts = m.attempts + 1, error = note_mail_failure.error,
    failed_at = case when is_final then now() end, props = case when is_final then '{}' else m.props end
  where m.id = note_mail_failure.id and m.sent_at is null
$$;

create or replace function core.purge_mail() returns int
language sql volatile security definer set search_path = ''
as $$
  with gone as (delete from core.mail_outbox m where m.queued_at < now() - interval '30 days' returning 1)
  select count(*)::int from gone
$$;

grant execute on function core.mail_to_send(uuid), core.note_mail_sent(uuid, text), core.note_mail_kept(uuid, text, text, text),
  core.note_mail_failure(uuid, text, boolean), core.purge_mail() to relvar_worker;

-- For the page that shows what was kept, which only a server in development has.
create or replace function core.kept_mail(max_mails int default 100) returns table (id uuid, to_address text, template text, subject text, html text, body_text text, queued_at timestamptz, kept_at timestamptz, error text)
language sql stable security definer set search_path = ''
as $$
  select m.id, m.to_address, m.template, m.subject, m.html, m.body_text, m.queued_at, m.kept_at, m.error
  from core.mail_outbox m order by m.queued_at desc, m.id desc limit max_mails
$$;
grant execute on function core.kept_mail(int) to relvar_server;
--! EndIncluded core/mail.sql
--! Included core/accounts.sql
-- What an account needs mails for: a forgotten password, a link to sign in, a proved or another
-- address. None of these says whether an address is known: what is not is passed over in silence.

create or replace function core.user_of(email text) returns core.users
language sql stable set search_path = ''
as $$ select u from core.users u where lower(u.email) = lower(btrim(user_of.email)) and u.disabled_at is null $$;

create or replace function core.request_password_reset(email text, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users := core.user_of(email);
begin
  perform core.note_auth_event('PASSWORD_RESET_REQUESTED', null, v_user.id, lower(btrim(email)), ip, user_agent);
  if v_user.id is not null then
    perform core.queue_mail(v_user.email, 'reset_password',
      jsonb_build_object('token', core.issue_token('RESET_PASSWORD', v_user.email, v_user.id, '30 minutes')), null, v_user.locale);
  end if;
end
$$;

-- Ends all sessions, and all other links of that kind: whoever had asked for them is not trusted any more.
create or replace function core.reset_password(token text, password_hash text, ip inet default null, user_agent text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_token core.one_time_tokens := core.use_token('RESET_PASSWORD', token);
  v_user core.users;
begin
  if v_token.id is null then
    return null;
  end if;
  -- Who reads the mailbox of an address has proved it; one that was changed meanwhile is not theirs any more.
  update core.users u set email_verified_at = coalesce(u.email_verified_at, now())
  where u.id = v_token.user_id and u.email = v_token.email and u.disabled_at is null returning u.* into v_user;
  if not found then
    return null;
  end if;
  perform core.set_password(v_user.id, reset_password.password_hash);
  update core.one_time_tokens t set used_at = now() where t.user_id = v_user.id and t.kind in ('RESET_PASSWORD', 'MAGIC_LINK') and t.used_at is null;
  perform core.note_auth_event('PASSWORD_RESET', null, v_user.id, v_user.email, ip, user_agent);
  perform core.tell_password_changed(v_user.id, ip, user_agent);
  return v_user.id;
end
$$;

create or replace function core.tell_password_changed(user_id uuid, ip inet default null, user_agent text default null) returns void
language sql volatile security definer set search_path = ''
as $$
  select core.queue_mail(u.email, 'password_changed',
    jsonb_build_object('device', left(tell_password_changed.user_agent, 200), 'ipAddress', host(tell_password_changed.ip), 'happenedAt', now()), null, u.locale)
  from core.users u where u.id = tell_password_changed.user_id
$$;
comment on function core.tell_password_changed(uuid, inet, text) is 'Tells a user by mail that the password was changed.';

create or replace function core.request_magic_link(email text, workspace_slug text, next_path text, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users := core.user_of(email);
begin
  perform core.note_auth_event('MAGIC_LINK_REQUESTED', null, v_user.id, lower(btrim(email)), ip, user_agent);
  if exists (select from core.magic_workspaces(v_user.id) w where w.slug = workspace_slug or workspace_slug is null) then
    perform core.queue_mail(v_user.email, 'magic_link', jsonb_build_object('token', core.issue_token('MAGIC_LINK', v_user.email, v_user.id, '15 minutes',
      payload => jsonb_strip_nulls(jsonb_build_object('workspace', workspace_slug, 'next', next_path)))),
      (select w.id from core.workspaces w where w.slug = workspace_slug), v_user.locale);
  end if;
end
$$;

-- Where a user may sign in by a link.
create or replace function core.magic_workspaces(user_id uuid) returns table (id uuid, slug text, name text)
language sql stable set search_path = ''
as $$
  select w.id, w.slug, w.name
  from core.members m join core.workspaces w on w.id = m.workspace_id left join core.joining j on j.workspace_id = w.id
  where m.user_id = magic_workspaces.user_id and m.is_active and coalesce(j.is_magic_link_on, true)
$$;

create or replace function core.look_at_magic_link(token text) returns table (user_id uuid, email text, next_path text, workspaces jsonb)
language sql stable security definer set search_path = ''
as $$
  select u.id, u.email, t.payload ->> 'next',
    coalesce((select jsonb_agg(jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name) order by w.slug)
      from core.magic_workspaces(u.id) w where t.payload ->> 'workspace' is null or w.slug = t.payload ->> 'workspace'), '[]')
  from core.look_at_token('MAGIC_LINK', look_at_magic_link.token) t
  join core.users u on u.id = t.user_id and u.email = t.email and u.disabled_at is null
$$;

create or replace function core.use_magic_link(token text) returns uuid
language sql volatile security definer set search_path = ''
as $$
  update core.users u set email_verified_at = coalesce(u.email_verified_at, now())
  from core.use_token('MAGIC_LINK', use_magic_link.token) t
  where u.id = t.user_id and u.email = t.email and u.disabled_at is null
  returning u.id
$$;

create or replace function core.is_email_verified(user_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select coalesce((select u.email_verified_at is not null from core.users u where u.id = is_email_verified.user_id), false) $$;

create or replace function core.request_verification(user_id uuid, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users;
begin
  select * into v_user from core.users u where u.id = request_verification.user_id and u.email_verified_at is null;
  if found then
    perform core.note_auth_event('EMAIL_VERIFICATION_REQUESTED', null, v_user.id, v_user.email, ip, user_agent);
    perform core.queue_mail(v_user.email, 'verify_email',
      jsonb_build_object('token', core.issue_token('VERIFY_EMAIL', v_user.email, v_user.id, '1 hour')), null, v_user.locale);
  end if;
end
$$;

create or replace function core.verify_email(token text, ip inet default null, user_agent text default null) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_token core.one_time_tokens := core.use_token('VERIFY_EMAIL', token);
  v_email text;
begin
  update core.users u set email_verified_at = coalesce(u.email_verified_at, now())
  where u.id = v_token.user_id and u.email = v_token.email and u.disabled_at is null returning u.email into v_email;
  if found then
    perform core.note_auth_event('EMAIL_VERIFIED', null, v_token.user_id, v_email, ip, user_agent);
  end if;
  return v_email;
end
$$;

-- The new address gets the link. One that belongs to somebody gets nothing, and the asker the same answer.
create or replace function core.request_email_change(user_id uuid, new_email text, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users;
  v_email text := lower(btrim(new_email));
begin
  select * into strict v_user from core.users u where u.id = request_email_change.user_id;
  perform core.note_auth_event('EMAIL_CHANGE_REQUESTED', null, v_user.id, v_user.email, ip, user_agent, jsonb_build_object('newEmail', v_email));
  if not exists (select from core.users u where lower(u.email) = v_email) then
    perform core.queue_mail(v_email, 'change_email', jsonb_build_object('formerEmail', v_user.email, 'token',
      core.issue_token('CHANGE_EMAIL', v_email, v_user.id, '1 hour', payload => jsonb_build_object('formerEmail', v_user.email))), null, v_user.locale);
  end if;
end
$$;

create or replace function core.change_email(token text, ip inet default null, user_agent text default null) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_token core.one_time_tokens := core.use_token('CHANGE_EMAIL', token);
  v_former text := v_token.payload ->> 'formerEmail';
begin
  begin
    update core.users u set email = v_token.email, email_verified_at = now()
    where u.id = v_token.user_id and u.email = v_former and u.disabled_at is null;
  exception when unique_violation then
    -- Somebody made an account with the address meanwhile.
    return null;
  end;
  if v_token.id is null or not found then
    return null;
  end if;
  -- Links that went to the former address are for the account no more.
  update core.one_time_tokens t set used_at = now() where t.user_id = v_token.user_id and t.used_at is null;
  perform core.note_auth_event('EMAIL_CHANGED', null, v_token.user_id, v_token.email, ip, user_agent, jsonb_build_object('formerEmail', v_former));
  perform core.queue_mail(v_former, 'email_changed', jsonb_build_object('email', v_token.email, 'device', left(user_agent, 200), 'ipAddress', host(ip), 'happenedAt', now()));
  return v_token.email;
end
$$;

grant execute on function core.request_password_reset(text, inet, text), core.reset_password(text, text, inet, text), core.tell_password_changed(uuid, inet, text),
  core.request_magic_link(text, text, text, inet, text), core.look_at_magic_link(text), core.use_magic_link(text), core.is_email_verified(uuid),
  core.request_verification(uuid, inet, text), core.verify_email(text, inet, text), core.request_email_change(uuid, text, inet, text),
  core.change_email(text, inet, text) to relvar_server;
--! EndIncluded core/accounts.sql
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
      where not exists (
        select from metadata.fields f
        where f.id = u.id and f.deleted_at is null
          -- What is computed goes with a deleted object, and is there again with it.
          and (f.type not in ('FORMULA', 'ROLLUP') or exists (select from metadata.objects o where o.id = f.object_id and o.deleted_at is null))))
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
  if exists (select from metadata.indexes i where i.object_id = new.object_id and i.name = new.name and i.id <> new.id) then
    raise exception 'There is an index "%" already.', new.name using errcode = 'RV083', column = 'name', hint = 'Call this one otherwise.';
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
  -- With a relation to many goes its junction, and with that the field at the other side.
  v_junction uuid := (select j.object_id from metadata.fields m join metadata.fields j on j.id = m.junction_field_id where m.id = uses.id and uses.kind = 'field');
  v_ids uuid[];
  v_pattern text;
begin
  v_fields := v_fields || array(select f.id from metadata.fields f where f.object_id = v_junction)
    || array(select m.id from metadata.fields j join metadata.fields m on m.junction_field_id = j.id where j.object_id = v_junction and m.id <> uses.id);
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
    select 'role rule', u.id, ro.name, u.object_id, 'chooses records by it', true, u.compiled::text
    from metadata.record_rules u join metadata.roles ro on ro.id = u.role_id
    where u.workspace_id = uses.workspace_id and u.compiled::text ~ v_pattern
    union all
    select 'permission', p.id, ro.name, p.object_id, case when p.can_read is false then 'does not read it' when p.can_update is false then 'does not change it' else 'has rights of its own on it' end, false, null
    from metadata.field_permissions p join metadata.roles ro on ro.id = p.role_id
    where uses.kind = 'field' and p.workspace_id = uses.workspace_id and p.field_id = uses.id
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
  where (u.user_kind = 'permission' or o.deleted_at is null and (uses.kind <> 'object' or u.object_id <> uses.id) and u.object_id is distinct from v_junction)
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
  if dependents.kind = 'option' and (engine.acts_as_administrator() or engine.may('DATA_MODEL')) then
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

-- A junction comes back with the last of its ends: while one is deleted, it is deleted with that one.
create or replace function engine.tg_objects__await_ends() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.deleted_at := (
    select max(o.deleted_at)
    from metadata.fields f join metadata.relations r on r.field_id = f.id join metadata.objects o on o.id = r.target_object_id
    where f.object_id = new.id and exists (select from metadata.fields m where m.junction_field_id = f.id));
  if new.deleted_at is not null then
    new.deleted_by_name := old.deleted_by_name;
  end if;
  return new;
end
$$;
create or replace trigger _050_await_ends before update of deleted_at on metadata.objects for each row
  when (new.is_junction and old.deleted_at is not null and new.deleted_at is null) execute function engine.tg_objects__await_ends();

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
  ), relations as (
    delete from metadata.relations r where r.deleted_at < now() - v_age returning 1
  ), columns as (
    delete from engine.retired_columns r where r.retired_at < now() - v_age returning r.workspace_id, r.object_id
  )
  select (select count(*) from objects) + (select count(*) from fields) + (select count(*) from relations) + (select count(engine.note_change(c.workspace_id, array[c.object_id])) from columns c) into v_count;
  return v_count;
end
$$;
comment on function engine.purge_deleted(interval) is 'Drops objects, fields and former columns that were deleted longer ago than max_age (default: the grace period of engine.settings). A job runs it every night.';
grant execute on function engine.purge_deleted(interval) to relvar_worker;
--! EndIncluded metadata/deletion.sql
