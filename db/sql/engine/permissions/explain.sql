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
