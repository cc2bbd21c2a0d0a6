-- Makes a workspace's schema equal to its metadata, in the caller's transaction: the objects in
-- scope, or all; and the rights of the roles.
create or replace function engine.apply(workspace_id uuid, scope uuid[] default null, roles text[] default '{}') returns int
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_schema text;
  v_differences engine.difference[];
  v_step engine.step;
  v_statements text[] := '{}';
  v_shape_scope uuid[] := scope;
  v_version bigint;
  v_shape text;
begin
  if not (select s.ddl_enabled from engine.settings s) then
    raise exception 'Changes of the data model are switched off on this server.'
      using errcode = 'RV020', hint = 'An upgrade may be running. Try again when it is done.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
  select w.schema_name into v_schema from core.workspaces w where w.id = workspace_id;
  -- Rights change no table.
  if scope is null or scope <> '{}' then
    perform engine.assert_relations(workspace_id);
    perform engine.assert_rules_hold(workspace_id, v_schema, scope);
  end if;
  -- One block around all statements, not one around each: a block is a subtransaction, and more
  -- than 64 of these in a transaction slow every other session down.
  begin
    v_differences := engine.differences(workspace_id, v_schema, scope, roles);
    perform engine.queue_online(workspace_id, v_differences, scope);
    for v_step in select * from engine.steps(v_schema, v_differences) loop
      -- To compute a field for the first time, or to convert it, changes nothing that anybody did.
      if v_step.kind in ('fill', 'conversion') then
        perform engine.set_quiet(true);
        execute v_step.statement;
        perform engine.set_quiet(false);
      elsif v_step.kind = 'schema' and v_step.statement ~ '^grant relvar_crm ' then
        -- Until its commit, another new workspace has this lock, even one of another database. No reader waits behind.
        perform set_config('lock_timeout', '60s', true);
        execute v_step.statement;
        perform set_config('lock_timeout', '2s', true);
      else
        execute v_step.statement;
      end if;
      v_statements := v_statements || v_step.statement;
      -- The keys of other objects name the table that they point to.
      if v_step.kind = 'table' then
        v_shape_scope := null;
      end if;
    end loop;
  exception
    when lock_not_available or deadlock_detected then
      raise exception '%, so the change was not made.', coalesce(format('The table %s is busy', v_step.object_name), 'A job is busy with the tables')
        using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
    when duplicate_object or duplicate_table or duplicate_column then
      raise exception 'Something named like that stands in the database already: %', sqlerrm
        using errcode = 'RV022', hint = v_step.statement;
    when not_null_violation or check_violation or unique_violation or foreign_key_violation or data_exception then
      raise exception 'Records of % do not fit the change, so it was not made: %', v_step.object_name, sqlerrm
        using errcode = 'RV023', hint = 'Correct those records first: fill in what is empty, replace options that go, make values unique.';
  end;
  update metadata.type_changes c set status = 'DONE'
  from metadata.fields f
  where c.workspace_id = apply.workspace_id and c.status = 'RUNNING' and f.id = c.field_id and f.revision = c.to_revision;
  if v_shape_scope is null or v_shape_scope <> '{}' then
    v_shape := engine.refresh_shape(workspace_id, v_schema, v_shape_scope);
    update core.workspaces w set shape = v_shape where w.id = workspace_id and w.shape is distinct from v_shape;
  end if;
  select w.model_version, w.shape into v_version, v_shape from core.workspaces w where w.id = workspace_id;
  -- What a new workspace is made by is known from the standard objects.
  if v_version > 1 and v_statements <> '{}' then
    perform engine.note_statements(workspace_id, v_version, v_statements);
  end if;
  -- A change of the model is rare and human-paced; NOTIFY is delivered at commit, if it commits.
  perform pg_notify('relvar_model', json_build_object('workspace', workspace_id, 'version', v_version, 'shape', v_shape)::text);
  return cardinality(v_statements);
end
$$;
comment on function engine.apply(uuid, uuid[], text[]) is 'Runs engine.plan for a workspace, or for some of its objects and the rights of some of its roles. Returns the number of statements run.';

create or replace function engine.assert_columns_differ(workspace_id uuid, spec engine.column_spec[]) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_clash record;
begin
  select c.table_name, c.name, array_agg(distinct f.label) as labels into v_clash
  from unnest(spec) c
  join metadata.fields f on f.id = c.field_id and f.workspace_id = assert_columns_differ.workspace_id
  group by c.table_name, c.name having count(*) > 1 limit 1;
  if found then
    raise exception 'The fields % of % would both need the column %.', array_to_string(v_clash.labels, ' and '), v_clash.table_name, v_clash.name
      using errcode = 'RV003', column = 'name', hint = 'Give one of them another API name.';
  end if;
  select o.label_plural, count(*) into v_clash
  from unnest(spec) c
  join metadata.objects o on o.id = c.object_id and o.workspace_id = assert_columns_differ.workspace_id
  group by o.id, o.label_plural having count(*) > 1500 limit 1;
  if found then
    raise exception '% would have more than 1,500 columns.', v_clash.label_plural
      using errcode = 'RV004', hint = 'PostgreSQL holds 1,600 columns a table. Move some fields to a related object.';
  end if;
end
$$;
