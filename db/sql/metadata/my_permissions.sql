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
