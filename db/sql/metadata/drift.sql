-- Drift, for the screen and for psql: a CRM role sees its own workspace; an administrator names one.

create or replace function engine.drift_workspace(workspace_id uuid) returns core.workspaces
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace core.workspaces;
begin
  select w.* into v_workspace from core.workspaces w
  where w.id = coalesce(drift_workspace.workspace_id, engine.workspace_of_role(current_setting('role')::name));
  perform engine.assert_manages(v_workspace.id);
  return v_workspace;
end
$$;

create or replace function metadata.drift(workspace_id uuid default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace core.workspaces := engine.drift_workspace(workspace_id);
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'key', d.key, 'objectName', d.object_name, 'name', d.name, 'detail', d.detail,
      'proposals', d.proposals, 'statements', d.statements, 'isIgnored', d.is_ignored)), '[]')
    from engine.drift(v_workspace.id) d);
end
$$;
comment on function metadata.drift(uuid) is
  'Where the tables were changed by hand: [{"kind", "key", "objectName", "name", "detail", "proposals", "statements", "isIgnored"}]. Adopt, repair or ignore each by kind and key.';

create or replace function engine.drift_item_at(workspace_id uuid, kind text, key text, proposal text) returns engine.drift_item
language plpgsql volatile set search_path = '' set lock_timeout = '5s'
as $$
declare
  v_item engine.drift_item;
begin
  begin
    perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
  exception when lock_not_available or deadlock_detected then
    raise exception 'Somebody else is changing the data model of this workspace.' using errcode = 'RV021', hint = 'Try again in a moment.';
  end;
  select d.* into v_item from engine.drift(workspace_id) d where (d.kind, d.key) = (drift_item_at.kind, drift_item_at.key);
  if not found then
    raise exception 'There is no such difference any more.' using errcode = 'RV086', column = 'key', hint = 'Look at the drift again.';
  end if;
  if proposal <> all (v_item.proposals) then
    raise exception 'This difference cannot be %.', case proposal when 'ADOPT' then 'adopted: the model has no words for it' else 'ignored: security and the API depend on it' end
      using errcode = 'RV085', column = 'key', hint = 'It can be repaired.';
  end if;
  return v_item;
end
$$;

create or replace function metadata.adopt_drift(kind text, key text, workspace_id uuid default null) returns boolean
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_workspace core.workspaces := engine.drift_workspace(workspace_id);
begin
  perform engine.adopt(v_workspace.id, v_workspace.schema_name, engine.drift_item_at(v_workspace.id, kind, key, 'ADOPT'));
  return true;
end
$$;
comment on function metadata.adopt_drift(text, text, uuid) is 'Makes the model say what somebody changed by hand. Nothing is built anew, and the data stays.';

create or replace function metadata.repair_drift(kind text, key text, workspace_id uuid default null) returns boolean
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_workspace core.workspaces := engine.drift_workspace(workspace_id);
begin
  perform engine.repair(v_workspace.id, v_workspace.schema_name, engine.drift_item_at(v_workspace.id, kind, key, 'REPAIR'));
  delete from metadata.ignored_drift i where (i.workspace_id, i.kind, i.key) = (v_workspace.id, repair_drift.kind, repair_drift.key);
  return true;
end
$$;
comment on function metadata.repair_drift(text, text, uuid) is 'Runs the statements that metadata.drift shows for a difference, so that the table is again as the model says.';

create or replace function metadata.ignore_drift(kind text, key text, reason text default '', workspace_id uuid default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace core.workspaces := engine.drift_workspace(workspace_id);
  v_item engine.drift_item := engine.drift_item_at(v_workspace.id, kind, key, 'IGNORE');
begin
  insert into metadata.ignored_drift as i (workspace_id, kind, key, basis, reason, ignored_by_name)
  values (v_workspace.id, v_item.kind, v_item.key, v_item.basis, coalesce(ignore_drift.reason, ''), (engine.current_actor()).name)
  on conflict on constraint ignored_drift_pkey do update set basis = excluded.basis, reason = excluded.reason, ignored_by_name = excluded.ignored_by_name, ignored_at = now();
  return true;
end
$$;
comment on function metadata.ignore_drift(text, text, text, uuid) is 'Leaves a difference as it is. It is shown again when it changes.';
grant execute on function metadata.drift(uuid), metadata.adopt_drift(text, text, uuid), metadata.repair_drift(text, text, uuid),
  metadata.ignore_drift(text, text, text, uuid) to relvar_crm;
