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
