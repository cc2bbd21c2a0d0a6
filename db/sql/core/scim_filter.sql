-- Filters of directories as conditions of the database: what they really ask for (names, ids, addresses, who is active, what
-- changed since) is compared with the columns themselves, and resources are made of the page alone that is answered. What is
-- not known here is asked of the whole resource, by core.scim_matches, which says what each filter means.

-- One comparison with a text, or with a moment, that is never null. What it is compared with is a literal of the statement.
create or replace function core.scim_comparison(value text, op text, wanted jsonb, is_exact boolean default false, moment text default null) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_value text := case when is_exact then value else format('lower(%s)', value) end;
  v_wanted text := case when is_exact then wanted #>> '{}' else lower(wanted #>> '{}') end;
  v_symbol text := case op when 'gt' then '>' when 'ge' then '>=' when 'lt' then '<' when 'le' then '<=' end;
begin
  if op = 'pr' then
    return format('coalesce(%s, '''') <> ''''', value);
  elsif wanted = 'null' then
    return format(case op when 'ne' then '%s is not null' else '%s is null' end, value);
  elsif v_symbol is not null and moment is not null then
    -- To the millisecond, as it is told.
    return format('coalesce(date_trunc(''milliseconds'', %s) %s %L::timestamptz, false)', moment, v_symbol, v_wanted::timestamptz);
  end if;
  return case op
    when 'eq' then format('coalesce(%s = %L, false)', v_value, v_wanted)
    when 'ne' then format('%s is distinct from %L', v_value, v_wanted)
    when 'co' then format('coalesce(strpos(%s, %L) > 0, false)', v_value, v_wanted)
    when 'sw' then format('coalesce(starts_with(%s, %L), false)', v_value, v_wanted)
    when 'ew' then format('coalesce(right(%s, %s) = %L, false)', v_value, length(v_wanted), v_wanted)
    else format('coalesce(%s %s %L, false)', v_value, v_symbol, v_wanted) end;
exception when invalid_datetime_format or datetime_field_overflow then
  return 'false';
end
$$;

-- kind: User, over the members m with their accounts u and what the directory says of them s; or Group, over the groups g.
create or replace function core.scim_condition(filter jsonb, kind text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_op text := filter ->> 'op';
  v_path text := lower(filter ->> 'attrPath');
  v_inner jsonb := filter -> 'valFilter';
  v_wanted jsonb := filter -> 'compValue';
begin
  case v_op
    when 'and', 'or' then
      return '(' || (select string_agg(core.scim_condition(f, kind), ' ' || v_op || ' ' order by n)
        from jsonb_array_elements(filter -> 'filters') with ordinality as t (f, n)) || ')';
    when 'not' then
      return format('(not %s)', core.scim_condition(filter -> 'filter', kind));
    when '[]' then
      -- members[value eq "…"] is members.value eq "…".
      if v_path in ('members', 'groups') and lower(v_inner ->> 'attrPath') = 'value' and v_inner ->> 'op' = 'eq' then
        return core.scim_condition(v_inner || jsonb_build_object('attrPath', v_path || '.value'), kind);
      end if;
    else
      null;
  end case;
  if v_op = 'eq' and v_wanted <> 'null' and (kind, v_path) in (('Group', 'members'), ('Group', 'members.value'), ('User', 'groups'), ('User', 'groups.value')) then
    return format('exists (select from core.scim_group_members b where %s and %s)', case kind when 'Group' then 'b.group_id = g.id' else 'b.member_id = m.id' end,
      core.scim_comparison(case kind when 'Group' then 'b.member_id::text' else 'b.group_id::text' end, 'eq', v_wanted));
  elsif kind = 'User' and split_part(v_path, '.', 1) = 'emails' then
    return format('core.scim_matches(jsonb_build_object(''emails'', coalesce(s.emails, jsonb_build_array(jsonb_build_object(''value'', u.email, ''type'', ''work'', ''primary'', true)))), %L::jsonb)', filter);
  elsif v_op <> '[]' then
    case kind || ' ' || v_path
      when 'User id' then return core.scim_comparison('m.id::text', v_op, v_wanted, true);
      when 'User externalid' then return core.scim_comparison('s.external_id', v_op, v_wanted, true);
      when 'User username' then return core.scim_comparison('coalesce(s.user_name, u.email)', v_op, v_wanted);
      when 'User displayname', 'User name.formatted' then return core.scim_comparison('m.name', v_op, v_wanted);
      when 'User name.givenname' then return core.scim_comparison('core.first_name(m.name)', v_op, v_wanted);
      when 'User name.familyname' then return core.scim_comparison('core.last_name(m.name)', v_op, v_wanted);
      when 'User active' then return core.scim_comparison('m.is_active::text', v_op, v_wanted);
      when 'User meta.created' then return core.scim_comparison('core.scim_time(m.created_at)', v_op, v_wanted, moment => 'm.created_at');
      when 'User meta.lastmodified' then
        return core.scim_comparison('core.scim_time(greatest(m.created_at, s.updated_at))', v_op, v_wanted, moment => 'greatest(m.created_at, s.updated_at)');
      when 'Group id' then return core.scim_comparison('g.id::text', v_op, v_wanted, true);
      when 'Group externalid' then return core.scim_comparison('g.external_id', v_op, v_wanted, true);
      when 'Group displayname' then return core.scim_comparison('g.display_name', v_op, v_wanted);
      when 'Group meta.created' then return core.scim_comparison('core.scim_time(g.created_at)', v_op, v_wanted, moment => 'g.created_at');
      when 'Group meta.lastmodified' then return core.scim_comparison('core.scim_time(g.updated_at)', v_op, v_wanted, moment => 'g.updated_at');
      else null;
    end case;
  end if;
  return format('core.scim_matches(%s, %L::jsonb)', case kind when 'User' then 'core.scim_user(m)' else 'core.scim_group(g, true)' end, filter);
end
$$;
comment on function core.scim_condition(jsonb, text) is
  'A filter of RFC 7644, parsed as core.scim_matches takes it, as a condition over the tables: of users over core.members m, core.users u and core.scim_users s, of groups over core.scim_groups g.';

create or replace function core.list_scim_users(workspace_id uuid, filter jsonb, first_index int, max_results int) returns table (total bigint, resources jsonb)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
begin
  return query execute format($sql$
      with found as materialized (
        select m.id, m.created_at
        from core.members m join core.users u on u.id = m.user_id left join core.scim_users s on s.member_id = m.id
        where m.workspace_id = $1 and %s
      ), page as (
        select f.id from found f order by f.created_at, f.id offset greatest($2, 1) - 1 limit $3
      )
      select (select count(*) from found),
        (select coalesce(jsonb_agg(core.scim_user(m) order by m.created_at, m.id), '[]') from page p join core.members m on m.id = p.id)
    $sql$, case when filter is null then 'true' else core.scim_condition(filter, 'User') end)
  using workspace_id, first_index, max_results;
end
$$;

create or replace function core.list_scim_groups(workspace_id uuid, filter jsonb, first_index int, max_results int, with_members boolean) returns table (total bigint, resources jsonb)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
begin
  return query execute format($sql$
      with found as materialized (
        select g.id, g.created_at from core.scim_groups g where g.workspace_id = $1 and %s
      ), page as (
        select f.id from found f order by f.created_at, f.id offset greatest($2, 1) - 1 limit $3
      )
      select (select count(*) from found),
        (select coalesce(jsonb_agg(core.scim_group(g, $4) order by g.created_at, g.id), '[]') from page p join core.scim_groups g on g.id = p.id)
    $sql$, case when filter is null then 'true' else core.scim_condition(filter, 'Group') end)
  using workspace_id, first_index, max_results, with_members;
end
$$;
grant execute on function core.list_scim_users(uuid, jsonb, int, int), core.list_scim_groups(uuid, jsonb, int, int, boolean) to relvar_server;
