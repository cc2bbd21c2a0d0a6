-- Records that are shared with a role: its members are told by a job, since they may be many.

create or replace function core.queue_shared(workspace_id uuid, share_id uuid) returns void
language sql volatile set search_path = ''
as $$ select graphile_worker.add_job('notifications__shared', json_build_object('workspace_id', workspace_id, 'share_id', share_id)) $$;

-- Those who have the role, or one that includes it, and may read the record by then; but who shared it. A share that was taken back meanwhile is not told.
create or replace function core.notify_shared(workspace_id uuid, share_id uuid) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_share record;
  v_members uuid[];
begin
  if v_schema is null then
    return 0;
  end if;
  execute format('select s.* from %I.record_shares s where s.id = $1 and s.principal_kind = ''ROLE'' and (s.expires_at is null or s.expires_at > now())', v_schema) into v_share using share_id;
  if v_share.id is null then
    return 0;
  end if;
  v_members := array(
    select m.id from core.members m
    where m.workspace_id = notify_shared.workspace_id and m.is_active and m.role_id in (
      select i.id from metadata.roles i where i.workspace_id = notify_shared.workspace_id and v_share.principal_id in (select engine.roles_of(i.pg_role))));
  return cardinality(core.notify(workspace_id, v_members, 'SHARED', v_share.object_id, v_share.record_id,
    jsonb_build_object('access', v_share.access, 'reason', v_share.reason, 'with', engine.principal_name(workspace_id, 'ROLE', v_share.principal_id)), null, 'share:' || share_id,
    (case when v_share.created_by is null then 'system' else 'member' end, v_share.created_by, v_share.created_by_name)::engine.actor));
end
$$;
comment on function core.notify_shared(uuid, uuid) is 'Tells the members of a role which record was shared with it. Doing it again tells nobody again.';
grant execute on function core.notify_shared(uuid, uuid) to relvar_worker;
