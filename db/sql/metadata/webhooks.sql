-- A webhook tells what a role sees: that of who made it, unless another is given. So nobody learns by a webhook of
-- their own, or by turning one that is there to another address, what their role does not show them.
create or replace function engine.tg_webhooks__judge() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_caller name := current_setting('role')::name;
begin
  new.role_id := coalesce(new.role_id, (select r.id from metadata.roles r where r.pg_role = engine.crm_role(v_caller) and r.workspace_id = new.workspace_id),
    (select r.id from metadata.roles r where r.workspace_id = new.workspace_id and r.is_system and r.has_all_permissions));
  if not engine.acts_as_administrator() and not engine.may('ROLES') and new.role_id not in (select engine.roles_of(v_caller)) then
    raise exception 'The webhook tells what its role sees, and your role may see less.' using errcode = '42501', column = 'role_id',
      hint = 'Give it your own role, or ask somebody who keeps the roles.';
  end if;
  return new;
end
$$;
create or replace trigger _100_judge before insert or update on metadata.webhooks for each row execute function engine.tg_webhooks__judge();

-- What one statement's changes look like to one webhook, or null when the hook is gone or off: records and fields
-- that its role reads, as the records are now or lie in the trash. It is nobody's, so rules that ask for the member are true of nobody.
create or replace function engine.webhook_delivery(workspace_id uuid, webhook_id uuid, batch bigint) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_hook record;
  v_object metadata.objects;
  v_table text;
  v_is_whole boolean;
  v_condition text := 'true';
  v_names text[];
  v_since timestamptz[];
  v_knows_who boolean := true;
  v_payloads jsonb;
begin
  select h.target_url, h.events, w.schema_name, r.pg_role into v_hook
  from metadata.webhooks h join core.workspaces w on w.id = h.workspace_id join metadata.roles r on r.id = h.role_id
  where h.id = webhook_id and h.workspace_id = webhook_delivery.workspace_id and h.is_active;
  if not found then
    return null;
  end if;
  -- A batch is one statement, on one table.
  execute format('select o.* from %I.record_events e join metadata.objects o on o.id = e.object_id where e.batch = $1 limit 1', v_hook.schema_name) into v_object using batch;
  if v_object.id is null then
    return jsonb_build_object('url', v_hook.target_url, 'payloads', '[]'::jsonb);
  end if;
  v_table := format('%I.%I', v_hook.schema_name, v_object.table_name);
  v_is_whole := exists (select from engine.find_wholly_readable(v_hook.pg_role::name, array[v_object.id]));
  if not v_is_whole then
    v_condition := engine.condition_of(v_hook.pg_role::name, v_object.id, 'READ', 't.', '00000000-0000-0000-0000-000000000000');
    select array_agg(c.name), array_agg(c.since) into v_names, v_since from engine.past_columns(v_hook.pg_role::name, v_hook.schema_name, v_object) c;
    v_knows_who := has_column_privilege(v_hook.pg_role, v_table, 'created_by_name', 'select') and has_column_privilege(v_hook.pg_role, v_table, 'updated_by_name', 'select');
  end if;
  execute format(
    'select jsonb_agg(jsonb_build_object(
        ''id'', e.batch || ''-'' || e.seq, ''type'', $3 || ''.'' || e.action, ''timestamp'', e.happened_at,
        ''workspaceId'', $2, ''object'', $3, ''recordId'', e.record_id,
        ''actor'', case when $8 then jsonb_build_object(''type'', e.actor_type, ''id'', e.actor_id, ''name'', e.actor_name) end,
        ''before'', v.before, ''after'', v.after) order by e.seq)
     from %1$I.record_events e
     cross join lateral (
       select case when $5 then e.before else engine.past_values(e.before, e.happened_at, $6, $7) end as before,
         case when $5 then e.after else engine.past_values(e.after, e.happened_at, $6, $7) end as after
     ) v
     where e.batch = $1 and ($5 or (e.action <> ''updated'' or v.before <> ''{}'') and (
       exists (select from %2$s t where t.id = e.record_id and %3$s)
       or exists (select from %1$I.trash d cross join lateral jsonb_populate_record(null::%2$s, d.data) t where d.object_id = $4 and d.record_id = e.record_id and %3$s)))',
    v_hook.schema_name, v_table, v_condition)
  into v_payloads using batch, workspace_id, v_object.name_singular, v_object.id, v_is_whole, v_names, v_since, v_knows_who;
  return jsonb_build_object('url', v_hook.target_url, 'payloads', coalesce(v_payloads, '[]'));
end
$$;
grant execute on function engine.webhook_delivery(uuid, uuid, bigint) to relvar_worker;
