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
  foreach v_table in array array['objects', 'fields', 'relations', 'rules', 'indexes', 'aliases', 'roles', 'role_includes', 'object_permissions', 'field_permissions', 'record_rules'] loop
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
