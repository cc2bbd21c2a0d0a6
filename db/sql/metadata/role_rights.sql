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
