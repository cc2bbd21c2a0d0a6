-- What webhooks say of changes: records and fields that the role of the webhook reads, as the records are now or lie in
-- the trash. The role is nobody's, so rules that ask for the member are true of nobody.

-- Values by column become values by field, as the GraphQL API of others nests them: {"name": {"firstName": …}}.
create or replace function engine.nested_values(data jsonb, columns text[], fields text[], parts text[]) returns jsonb
language sql immutable parallel safe set search_path = ''
as $$
  select coalesce(jsonb_object_agg(x.field, x.value), '{}')
  from (
    select c.field, case when max(c.part) = '' then (array_agg(data -> c.name))[1] else jsonb_object_agg(c.part, data -> c.name) end as value
    from unnest(columns, fields, parts) c (name, field, part)
    where data ? c.name
    group by c.field
  ) x
$$;

-- Of every event that is asked for, by batch and seq, at most one row: none where it is not for this webhook.
create or replace function engine.webhook_payloads(webhook_id uuid, batches bigint[], seqs int[])
returns table (batch bigint, seq int, object_id uuid, record_id uuid, event_type text, body jsonb)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  h record;
  k record;
  o metadata.objects;
  v_table text;
  v_is_whole boolean;
  v_condition text;
  v_filter text;
  v_names text[];
  v_since timestamptz[];
  v_told text[];
  v_columns text[];
  v_fields text[];
  v_parts text[];
  v_knows_who boolean;
begin
  select w.id, w.workspace_id, w.target_url, w.events, w.format, w.fields, w.compiled, c.schema_name, r.pg_role::name as pg_role into h
  from metadata.webhooks w join core.workspaces c on c.id = w.workspace_id join metadata.roles r on r.id = w.role_id
  where w.id = webhook_payloads.webhook_id;
  if not found then
    return;
  end if;
  for k in execute format(
    'select e.object_id, array_agg(e.batch) as batches, array_agg(e.seq) as seqs
     from unnest($1, $2) k (batch, seq) join %I.record_events e on e.batch = k.batch and e.seq = k.seq group by 1', h.schema_name)
    using batches, seqs
  loop
    select x.* into o from metadata.objects x where x.id = k.object_id and x.deleted_at is null;
    continue when not found;
    v_table := format('%I.%I', h.schema_name, o.table_name);
    continue when to_regclass(v_table) is null or not engine.has_right(h.pg_role, o.id, 'READ');
    v_is_whole := exists (select from engine.find_wholly_readable(h.pg_role, array[o.id]));
    v_condition := case when v_is_whole then 'true' else engine.condition_of(h.pg_role, o.id, 'READ', 't.', '00000000-0000-0000-0000-000000000000') end;
    select array_agg(c.name), array_agg(c.since) into v_names, v_since from engine.past_columns(h.pg_role, h.schema_name, o) c;
    v_knows_who := v_is_whole or has_column_privilege(h.pg_role, v_table, 'created_by_name', 'select') and has_column_privilege(h.pg_role, v_table, 'updated_by_name', 'select');
    -- Of chosen fields, those that the role reads.
    select array_agg(c.name), array_agg(case when f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') then engine.camel_case(c.name) else f.name end), array_agg(c.part)
    into v_columns, v_fields, v_parts
    from engine.field_columns(h.workspace_id, array[o.id]) c join metadata.fields f on f.id = c.field_id
    where c.name = any (v_names) and (not h.fields ? o.name_singular or h.fields -> o.name_singular ? f.name or c.is_id);
    v_told := case when h.fields ? o.name_singular then v_columns end;
    -- A filter over what the role does not read would tell of it.
    v_filter := case
      when not h.compiled ? o.id::text then 'true'
      when exists (select from engine.formula_fields(h.compiled -> o.id::text) f where not exists (
        select from engine.field_columns(h.workspace_id, array[o.id]) c where c.field_id = f and c.name = any (v_names))) then 'false'
      else format('exists (select from jsonb_populate_record(null::%s, r.record) f where %s)', v_table, engine.formula_sql(h.compiled -> o.id::text, '', 'f')) end;
    return query execute format(
      'select e.batch, e.seq, e.object_id, e.record_id, $3 || ''.'' || e.action,
         case when $12 = ''TWENTY'' then jsonb_strip_nulls(jsonb_build_object(
             ''userId'', m.user_id, ''workspaceMemberId'', m.id, ''apiKeyId'', case when $9 and e.actor_type = ''api_key'' then e.actor_id end))
           || jsonb_build_object(''targetUrl'', $13, ''eventName'', $3 || ''.'' || e.action, ''objectMetadata'', jsonb_build_object(''id'', e.object_id, ''nameSingular'', $3),
             ''workspaceId'', $4, ''webhookId'', $14, ''eventDate'', e.happened_at, ''record'', engine.nested_values(s.record, $15, $16, $17))
           || case when e.action = ''updated'' then jsonb_build_object(''updatedFields'', (
                select coalesce(jsonb_agg(distinct c.field), ''[]'') from unnest($15, $16) c (name, field) where s.after ? c.name)) else ''{}'' end
         else jsonb_build_object(''type'', $3 || ''.'' || e.action, ''timestamp'', e.happened_at, ''data'', jsonb_build_object(
           ''workspaceId'', $4, ''object'', $3, ''recordId'', e.record_id, ''action'', e.action,
           ''actor'', case when $9 then jsonb_build_object(''type'', e.actor_type, ''id'', e.actor_id, ''name'', e.actor_name) end,
           ''before'', s.before, ''after'', s.after, ''record'', s.record)) end
       from unnest($1, $2) k (batch, seq)
       join %1$I.record_events e on e.batch = k.batch and e.seq = k.seq
       left join %2$s t on t.id = e.record_id
       left join %1$I.trash d on d.object_id = $5 and d.record_id = e.record_id and t.id is null
       left join core.members m on $9 and $12 = ''TWENTY'' and e.actor_type = ''member'' and m.id = e.actor_id
       -- The record as the change left it, as far as the log and the table tell.
       cross join lateral (select coalesce(to_jsonb(t), d.data, ''{}'') || case when e.action in (''created'', ''restored'', ''updated'') then coalesce(e.after, ''{}'')
         when e.action in (''deleted'', ''destroyed'', ''merged'') then coalesce(e.before, ''{}'') else ''{}'' end as record) r
       cross join lateral (
         select case when $6 and $10 is null then e.before else engine.past_values(e.before, e.happened_at, v.names, v.since) end as before,
           case when $6 and $10 is null then e.after else engine.past_values(e.after, e.happened_at, v.names, v.since) end as after,
           engine.past_values(r.record, null, $11, ''{}'') as record
         from (select array_agg(n.name) as names, array_agg(n.since) as since from unnest($7, $8) n (name, since) where $10 is null or n.name = any ($10)) v
       ) s
       where ($6 or exists (select from %2$s t where t.id = e.record_id and %3$s)
           or exists (select from jsonb_populate_record(null::%2$s, d.data) t where d.record_id is not null and %3$s))
         and (e.action <> ''updated'' or s.before <> ''{}'') and (e.action not in (''linked'', ''unlinked'') or engine.sees_link($18, coalesce(e.after, e.before))) and %4$s',
      h.schema_name, v_table, v_condition, v_filter)
    using k.batches, k.seqs, o.name_singular, h.workspace_id, o.id, v_is_whole, v_names, v_since, v_knows_who, v_told, v_columns, h.format, h.target_url, h.id, v_columns, v_fields, v_parts, h.pg_role::name;
  end loop;
end
$$;
comment on function engine.webhook_payloads(uuid, bigint[], int[]) is 'What a webhook says of events, which are named by batch and seq; no row for what its role does not see, or its filter leaves out.';

-- What is too long to send says where it can be read.
create or replace function engine.shortened_payload(body jsonb) returns jsonb
language sql immutable parallel safe set search_path = ''
  return case when body ? 'data' then jsonb_set(body, '{data}', (body -> 'data') - '{before,after,record}'::text[] || '{"isShortened": true}')
    else body || jsonb_build_object('record', jsonb_build_object('id', body #> '{record,id}'), 'isShortened', true) end;
