-- A plan: what changes of the model would do, found by making them and taking them back. Nothing is
-- locked that anybody waits for: the tables themselves are only read.

-- About how long a statement holds its table. Measured on a million records: a change of the
-- catalogue 1 ms, a rewrite 20 s, checking a rule 0.2 s, a b-tree 1 s, a GIN index 10 s, an update 10 s.
create or replace function engine.estimated_ms(kind text, statement text, rewrites boolean, row_estimate bigint) returns double precision
language sql immutable set search_path = ''
  return round(1 + row_estimate * case
      when rewrites then 0.02
      when statement ~ ' not valid$' then 0
      when kind = 'constraint' and statement ~ 'add constraint|validate constraint' then 0.0002
      when statement ~ 'set not null$' then 0.0002
      when kind = 'index' and statement ~ ' using gin ' then 0.01
      when kind = 'index' and statement ~ '^create' then 0.001
      when kind in ('records', 'backfill') then 0.01
      else 0 end);

-- Whether PostgreSQL rewrites the table is measured where it can be: the statement is run on an
-- empty copy, where the event trigger relvar_table_rewrite raises before a rewrite begins.
create or replace function engine.tg_table_rewrite__refuse() returns event_trigger
language plpgsql volatile set search_path = ''
as $$
begin
  if current_setting('relvar.measures_rewrite', true) = 'on' then
    raise exception 'This statement rewrites the table.' using errcode = 'RVRWR';
  end if;
end
$$;

create or replace function engine.measure_rewrites(schema_name text, differences engine.difference[], steps engine.step[]) returns engine.step[]
language plpgsql volatile set search_path = ''
as $$
declare
  v_table record;
  v_statement text;
  v_prefix text;
  i int;
begin
  if not exists (select from pg_catalog.pg_event_trigger e where e.evtname = 'relvar_table_rewrite' and e.evtenabled <> 'D') then
    return steps;
  end if;
  for v_table in
    select distinct d.old_table, d.new_table from unnest(differences) d
    where exists (select from unnest(steps) s where s.object_name = d.new_table and s.kind = 'column' and s.statement ~ ' (type .* using |add column .* (default|generated) )')
      and to_regclass(format('%I.%I', schema_name, coalesce(d.old_table, '-'))) is not null
  loop
    execute format('create temporary table relvar_measure (like %I.%I including all) on commit drop', schema_name, v_table.old_table);
    for i in 1 .. cardinality(steps) loop
      continue when (steps[i]).object_name not in (v_table.old_table, v_table.new_table) or (steps[i]).kind <> 'column';
      v_prefix := format('alter table %I.%I ', schema_name, (steps[i]).object_name);
      continue when not starts_with((steps[i]).statement, v_prefix);
      v_statement := 'alter table pg_temp.relvar_measure ' || substr((steps[i]).statement, length(v_prefix) + 1);
      begin
        perform set_config('relvar.measures_rewrite', 'on', true);
        execute v_statement;
        steps[i].rewrites := false;
      exception
        when sqlstate 'RVRWR' then
          steps[i].rewrites := true;
          -- Those that follow build on it.
          perform set_config('relvar.measures_rewrite', 'off', true);
          execute v_statement;
        when others then
          -- It may need what an empty copy lacks; what is known of such statements holds.
          null;
      end;
    end loop;
    drop table pg_temp.relvar_measure;
  end loop;
  perform set_config('relvar.measures_rewrite', 'off', true);
  return steps;
end
$$;

-- What people lose sight of, or lose.
create or replace function engine.losses(workspace_id uuid, schema_name text, version bigint) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_count bigint;
  v_losses jsonb := '[]';
  v_table regclass;
  r record;
begin
  for r in
    select distinct on (l.row_id) l.* from (
      select case c.table_name when 'objects' then 'object' else 'field' end as kind, c.row_id, c.seq, c.after is null as is_dropped,
        case c.table_name when 'objects' then c.before ->> 'label_plural' else c.before ->> 'label' end as label,
        coalesce(c.before ->> 'object_id', c.before ->> 'id')::uuid as object_id, c.row_id::text as key
      from metadata.model_changes c
      where c.workspace_id = losses.workspace_id and c.version = losses.version and c.table_name in ('objects', 'fields') and c.before is not null
        and (c.after is null or c.before ->> 'deleted_at' is null and c.after ->> 'deleted_at' is not null)
        and coalesce((c.before ->> 'is_system')::boolean, false) = false and coalesce(c.before ->> 'type', '') not in ('MANY_TO_MANY', 'FORMULA', 'ROLLUP', 'TS_VECTOR')
      union all
      -- One target of several, while the field stays.
      select 'relation', c.row_id, c.seq, c.after is null, format('%s: %s', f.label, o.label_plural), f.object_id, f.id || '[.]' || c.row_id
      from metadata.model_changes c
      join metadata.fields f on f.id = (c.before ->> 'field_id')::uuid and f.deleted_at is null
      join metadata.objects o on o.id = (c.before ->> 'target_object_id')::uuid and o.deleted_at is null
      where c.workspace_id = losses.workspace_id and c.version = losses.version and c.table_name = 'relations'
        and (c.after is null or c.before ->> 'deleted_at' is null and c.after ->> 'deleted_at' is not null)
    ) l
    order by l.row_id, l.seq desc
  loop
    -- The tables are still called as before.
    select c.oid::regclass into v_table from pg_catalog.pg_class c
    where c.relnamespace = to_regnamespace(quote_ident(schema_name)) and c.relkind = 'r'
      and engine.identity_of(pg_catalog.obj_description(c.oid, 'pg_class')) = r.object_id::text;
    continue when v_table is null;
    begin
      execute format('select count(*) from %s%s', v_table, case when r.kind <> 'object' then (
        select format(' where num_nonnulls(%s) > 0', string_agg(quote_ident(a.attname), ', '))
        from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attnum > 0
          and engine.identity_of(pg_catalog.col_description(v_table, a.attnum)) ~ ('^' || r.key)) else '' end) into v_count;
    exception when undefined_column then
      continue;
    end;
    v_losses := v_losses || jsonb_build_object('kind', r.kind, 'id', r.row_id, 'label', r.label, 'records', v_count, 'isRestorable', not r.is_dropped);
  end loop;
  return v_losses;
end
$$;

create or replace function engine.warnings(workspace_id uuid, version bigint, steps engine.step[], losses jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('code', w.code, 'message', w.message, 'hint', w.hint) order by w.rank, w.message), '[]')
  from (
    select 1 as rank, case when (l ->> 'isRestorable')::boolean then 'DATA_HIDDEN' else 'DATA_LOST' end as code,
      format(case when (l ->> 'isRestorable')::boolean then '"%s" goes, with the values of %s records.' else '"%s" is dropped for good, with the values of %s records.' end, l ->> 'label', l ->> 'records') as message,
      case when (l ->> 'isRestorable')::boolean then format('It can be restored for %s days.', (select s.grace_days from engine.settings s)) else 'This cannot be taken back. Export the records first.' end as hint
    from jsonb_array_elements(losses) l
    union all
    select 2, 'REQUIRED_WITHOUT_DEFAULT', format('"%s" is required and has no default.', f.label), 'Whatever creates records must give a value: imports, integrations, forms.'
    from metadata.model_changes c
    join metadata.fields f on f.id = c.row_id
    where c.workspace_id = warnings.workspace_id and c.version = warnings.version and c.table_name = 'fields'
      and f.is_required and f.default_value is null and not f.is_system and f.deleted_at is null and not coalesce((c.before ->> 'is_required')::boolean, false)
      and not exists (select from metadata.objects o where o.id = f.object_id and o.is_junction)
    union
    select 3, 'API_NAME_CHANGES', format('"%s" becomes "%s" in the API and in psql.', coalesce(c.before ->> 'name_plural', c.before ->> 'name'), coalesce(c.after ->> 'name_plural', c.after ->> 'name')),
      'Integrations that use the old name should be told.'
    from metadata.model_changes c
    where c.workspace_id = warnings.workspace_id and c.version = warnings.version and c.table_name in ('objects', 'fields') and c.before ->> 'deleted_at' is null and c.after ->> 'deleted_at' is null
      and (c.before ->> 'name', c.before ->> 'name_singular', c.before ->> 'name_plural') is distinct from (c.after ->> 'name', c.after ->> 'name_singular', c.after ->> 'name_plural')
      and c.before is not null and c.after is not null
    union all
    select 4, 'REWRITES', format('The table %s is rewritten: about %s records, which nobody can read or write meanwhile.', s.object_name, s.row_estimate), 'Choose a quiet hour.'
    from unnest(steps) s where s.rewrites and s.row_estimate > 1000 and not s.is_online
    union all
    select 5, 'VIEWS_CHANGE', v.message, 'What a view says about a field comes back with the field, as long as it can be restored.' from engine.changed_views(warnings.workspace_id) v
    union all
    select 6, 'ONLINE', format('The table %s is large, so a job does a part of this without blocking it.', s.object_name), 'Settings shows how far it has got.'
    from (select distinct s.object_name from unnest(steps) s where s.is_online) s
  ) w
$$;

-- Makes the changes in the metadata, and says what would follow. The caller takes it back.
create or replace function engine.try_changes(workspace_id uuid, changes jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_version bigint := (select w.model_version from core.workspaces w where w.id = workspace_id);
begin
  perform engine.run_changes(workspace_id, changes, true);
  return engine.consequences(workspace_id, v_version, changes);
end
$$;

-- What follows from what this transaction has changed in the metadata since a version.
create or replace function engine.consequences(workspace_id uuid, version bigint, changes jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_scope uuid[];
  v_roles text[];
  v_is_changed boolean;
  v_differences engine.difference[] := '{}';
  v_steps engine.step[];
  v_replaced jsonb := (select coalesce(jsonb_agg(c), '[]') from jsonb_array_elements(changes) c where c ->> 'op' = 'replaceOption');
  v_losses jsonb;
begin
  select p.objects, p.roles, true into v_scope, v_roles, v_is_changed from engine.pending p where p.workspace_id = consequences.workspace_id;
  if v_is_changed then
    perform engine.assert_relations(workspace_id);
    v_differences := engine.differences(workspace_id, v_schema, v_scope, v_roles);
  end if;
  v_steps := engine.measure_rewrites(v_schema, v_differences, array(select s from engine.steps(v_schema, v_differences) s order by s.step));
  v_steps := engine.option_steps(workspace_id, v_schema, v_replaced) || v_steps;
  v_losses := engine.losses(workspace_id, v_schema, version + 1);
  return jsonb_build_object('version', version, 'changes', changes,
    'fingerprint', engine.fingerprint(version, changes, v_steps),
    'steps', (
      select coalesce(jsonb_agg(jsonb_build_object('step', s.n, 'kind', s.kind, 'objectName', s.object_name, 'statement', s.statement, 'lockLevel', s.lock_level,
        'rewrites', s.rewrites, 'rowEstimate', s.row_estimate, 'isOnline', s.is_online,
        'estimatedMs', engine.estimated_ms(s.kind, s.statement, s.rewrites, s.row_estimate), 'note', s.note) order by s.n), '[]')
      from unnest(v_steps) with ordinality s (step, kind, object_name, statement, lock_level, rewrites, row_estimate, is_online, note, n)),
    'warnings', engine.warnings(workspace_id, version + 1, v_steps, v_losses),
    'violations', engine.violations(workspace_id, v_schema, v_differences, v_replaced),
    'losses', v_losses);
end
$$;

-- Records that get another option, before the first leaves the list.
create or replace function engine.option_steps(workspace_id uuid, schema_name text, replaced jsonb) returns engine.step[]
language plpgsql stable set search_path = ''
as $$
begin
  return array(
    select row(0, 'records', o.table_name, engine.option_statement(schema_name, o.table_name, f, e ->> 'value', e ->> 'with'), 'RowExclusive', false,
      engine.count_option(f.id, e ->> 'value'), false, 'Records get the other option.')::engine.step
    from jsonb_array_elements(replaced) with ordinality u (e, i)
    join metadata.fields f on f.id = (e ->> 'fieldId')::uuid
    join metadata.objects o on o.id = f.object_id
    order by i);
end
$$;

-- Ids are given anew each time that something is planned, and so is what follows from them.
create or replace function engine.fingerprint(version bigint, changes jsonb, steps engine.step[]) returns text
language sql stable set search_path = ''
as $$
  select md5(concat_ws('|', version,
    (select jsonb_agg(case when c ->> 'op' in ('createObject', 'createField', 'insert') then c - 'id' else c end order by i) from jsonb_array_elements(changes) with ordinality u (c, i)),
    (select string_agg(t.line, E'\n' order by t.line collate "C") from (
      select regexp_replace(regexp_replace(s.statement, '@relvar \S+( [0-9a-f]{12})?', '', 'g'), '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-|_rule_)[0-9a-f]{12}', '', 'g') as line
      from unnest(steps) s) t)))
$$;

create or replace function metadata.plan_changes(workspace_id uuid, changes jsonb) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_plan jsonb;
begin
  perform engine.assert_may_change(workspace_id, changes);
  begin
    v_plan := engine.try_changes(workspace_id, engine.changes_to_run(changes));
    raise exception 'planned' using errcode = 'RVEND';
  exception when sqlstate 'RVEND' then
    return v_plan;
  end;
end
$$;
comment on function metadata.plan_changes(uuid, jsonb) is
  'What changes of the model would do: the exact statements, locks, rewrites, times, warnings, what is lost, and records that do not fit. Changes nothing. Give the fingerprint to apply_changes.';

create or replace function engine.changes_to_run(changes jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
begin
  if jsonb_typeof(changes) is distinct from 'array' or exists (select from jsonb_array_elements(changes) c where jsonb_typeof(c) <> 'object') then
    raise exception 'Changes are a list of objects.' using errcode = 'RV062', column = 'changes', hint = 'Give [{"op": "createField", …}], for example.';
  end if;
  return engine.with_ids(changes);
end
$$;

create or replace function metadata.apply_changes(workspace_id uuid, changes jsonb, fingerprint text) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_changes jsonb;
  v_plan jsonb;
begin
  perform engine.assert_may_change(workspace_id, changes), engine.lock_model(workspace_id);
  v_changes := engine.changes_to_run(changes);
  v_plan := metadata.plan_changes(workspace_id, v_changes);
  if v_plan ->> 'fingerprint' is distinct from apply_changes.fingerprint then
    raise exception 'The model has changed since this plan was made.' using errcode = 'RV060', column = 'fingerprint',
      hint = 'Look at a new plan, and apply that.';
  end if;
  perform engine.run_changes(workspace_id, v_changes, false);
  -- At once, so that what does not fit is said in answer to this call.
  perform engine.apply_pending(apply_changes.workspace_id);
  return jsonb_build_object('version', (select w.model_version from core.workspaces w where w.id = workspace_id));
end
$$;
comment on function metadata.apply_changes(uuid, jsonb, text) is
  'Makes the changes of a plan. Refuses when the model has moved since the plan was made. Returns the new version.';
grant execute on function metadata.plan_changes(uuid, jsonb), metadata.apply_changes(uuid, jsonb, text) to relvar_crm;
