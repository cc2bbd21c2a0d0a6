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
    select u.id, u.action, u.compiled from metadata.record_rules u
    where u.workspace_id = (object).workspace_id and u.role_id = record_conditions.role_id and u.object_id = (object).id order by u.action
  loop
    v_tree := engine.policy_tree(r.compiled -> 'node', false, r.id, prefix, member);
    case r.action
      when 'READ' then v_parts := v_parts || v_tree;
      when 'UPDATE' then v_updates := v_updates || v_tree;
      else v_deletes := v_deletes || v_tree;
    end case;
  end loop;
  if (object).is_junction and not exists (select from metadata.object_permissions p
      where p.workspace_id = (object).workspace_id and p.role_id = record_conditions.role_id and p.object_id = (object).id) then
    for r in
      select s.side_id, (engine.formula_columns(f, '', prefix))[1] as link
      from engine.junction_sides((object).workspace_id) s
      join metadata.fields f on f.id = s.field_id
      join metadata.objects o on o.id = s.side_id
      where s.object_id = (object).id and (o.is_private or exists (
        select from metadata.record_rules u
          where u.workspace_id = (object).workspace_id and u.role_id = record_conditions.role_id and u.object_id = o.id and u.action = 'READ'))
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
