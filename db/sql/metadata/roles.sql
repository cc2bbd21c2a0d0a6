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
