-- What webhooks say of changes: records and fields that the role of the webhook reads, as the records are now or lie in
-- the trash. The role is nobody's, so rules that ask for the member are true of nobody.

-- How a webhook names the columns of an object that it tells: flat and by the names of the API, as GraphQL answers them, or by
-- field with the parts of composite ones within, as receivers of Twenty read them. In the order of the columns, those of a field together.
create or replace function engine.told_columns(webhook metadata.webhooks, object metadata.objects, pg_role name, schema_name text)
returns table (name text, key text, field text, part text, is_text boolean)
language sql stable set search_path = ''
as $$
  select c.name, engine.camel_case(c.name), f.name, case when webhook.format = 'TWENTY' and f.type <> 'AUTO_NUMBER' then c.part else '' end,
    -- Where GraphQL has a string, since JavaScript has no such number.
    webhook.format = 'STANDARD' and a.atttypid = any ('{int8,numeric}'::regtype[])
  from pg_catalog.pg_attribute a
  join engine.field_columns((object).workspace_id, array[(object).id]) c on c.name = a.attname
  join metadata.fields f on f.id = c.field_id
  where a.attrelid = format('%I.%I', schema_name, (object).table_name)::regclass and a.attnum > 0 and f.type <> 'TS_VECTOR' and has_column_privilege(pg_role, a.attrelid, a.attnum, 'select')
    -- Of chosen fields, those that the role reads.
    and (not webhook.fields ? (object).name_singular or webhook.fields -> (object).name_singular ? f.name or c.is_id)
  order by not c.is_id, min(a.attnum) over (partition by f.id), a.attnum
$$;

-- The words of a record as an expression of text: what the log says of a column, else the table, else the trash. Words, since
-- JSON that is built and then written down again takes three times as long.
create or replace function engine.told_record(names text[], keys text[], fields text[], parts text[], are_text boolean[]) returns text
language sql immutable set search_path = ''
as $$
  with col as (
    select u.*, case u.part when '' then u.key else u.field end as label,
      format('coalesce(l.log -> %1$L, to_jsonb(t.%1$I), d.data -> %1$L)', u.name) as value,
      lag(u.field) over w is distinct from u.field as is_first, lead(u.field) over w is distinct from u.field as is_last
    from unnest(names, keys, fields, parts, are_text) with ordinality u (name, key, field, part, is_text, n)
    window w as (order by u.n)
  ), piece as (
    select c.n,
      format('%L, %s%s', case when c.n > 1 then ',' else '' end
          || case when c.part = '' then to_json(c.label)::text || ':' else case when c.is_first then to_json(c.label)::text || ':{' else '' end || to_json(c.part)::text || ':' end,
        case when c.is_text then format('coalesce(''"'' || (%s #>> ''{}'') || ''"'', ''null'')', c.value) else format('coalesce((%s)::text, ''null'')', c.value) end,
        case when c.part <> '' and c.is_last then ', ''}''' else '' end) as text
    from col c
  )
  -- A function takes a hundred arguments.
  select format('concat(''{'', %s''}'')', string_agg(x.text || ', ', '' order by x.chunk))
  from (select (p.n - 1) / 30 as chunk, format('concat(%s)', string_agg(p.text, ', ' order by p.n)) as text from piece p group by 1) x
$$;

-- What an update changed, in the same names.
create or replace function engine.told_values(data jsonb, names text[], keys text[], are_text boolean[]) returns jsonb
language sql immutable parallel safe set search_path = ''
as $$
  select coalesce(jsonb_object_agg(c.key, case when c.is_text then to_jsonb(data ->> c.name) else data -> c.name end), '{}')
  from unnest(names, keys, are_text) c (name, key, is_text)
  where data ? c.name
$$;

-- Of every event that is asked for, by batch and seq, at most one row: none where it is not for this webhook. Events that
-- have left the log are given as they were.
create or replace function engine.webhook_payloads(webhook_id uuid, batches bigint[], seqs int[], archived jsonb[] default '{}')
returns table (batch bigint, seq int, object_id uuid, record_id uuid, event_type text, body text)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  h metadata.webhooks;
  v_schema text;
  v_role name;
  k record;
  o metadata.objects;
  v_table text;
  v_is_whole boolean;
  v_condition text;
  v_filter text;
  v_names text[];
  v_keys text[];
  v_fields text[];
  v_parts text[];
  v_are_text boolean[];
  v_knows_who boolean;
begin
  select w.* into h from metadata.webhooks w where w.id = webhook_payloads.webhook_id;
  if not found then
    return;
  end if;
  select c.schema_name into v_schema from core.workspaces c where c.id = h.workspace_id;
  select r.pg_role into v_role from metadata.roles r where r.id = h.role_id;
  for k in execute format(
    'select e.object_id, array_agg(e.batch) filter (where e.archived is null) as batches, array_agg(e.seq) filter (where e.archived is null) as seqs,
       coalesce(array_agg(e.archived) filter (where e.archived is not null), ''{}'') as archived
     from (
       select e.object_id, e.batch, e.seq, null::jsonb as archived from unnest($1, $2) k (batch, seq) join %I.record_events e on e.batch = k.batch and e.seq = k.seq
       union all
       select (a ->> ''object_id'')::uuid, null, null, a from unnest($3) a
     ) e group by 1', v_schema)
    using batches, seqs, archived
  loop
    select x.* into o from metadata.objects x where x.id = k.object_id and x.deleted_at is null;
    continue when not found;
    v_table := format('%I.%I', v_schema, o.table_name);
    continue when to_regclass(v_table) is null or not engine.has_right(v_role, o.id, 'READ');
    v_is_whole := exists (select from engine.find_wholly_readable(v_role, array[o.id]));
    v_condition := case when v_is_whole then 'true' else engine.condition_of(v_role, o.id, 'READ', 't.', '00000000-0000-0000-0000-000000000000') end;
    v_knows_who := v_is_whole or has_column_privilege(v_role, v_table, 'created_by_name', 'select') and has_column_privilege(v_role, v_table, 'updated_by_name', 'select');
    select array_agg(c.name), array_agg(c.key), array_agg(c.field), array_agg(c.part), array_agg(c.is_text) into v_names, v_keys, v_fields, v_parts, v_are_text
    from engine.told_columns(h, o, v_role, v_schema) c;
    -- A filter over what the role does not read would tell of it.
    v_filter := case
      when not h.compiled ? o.id::text then 'true'
      when exists (
        select from engine.field_columns(h.workspace_id, array[o.id]) c
        where c.field_id in (select engine.formula_fields(h.compiled -> o.id::text)) and not has_column_privilege(v_role, v_table, c.name, 'select')) then 'false'
      else format('exists (select from jsonb_populate_record(null::%s, coalesce(to_jsonb(t), d.data, ''{}'') || coalesce(l.log, ''{}'')) f where %s)', v_table, engine.formula_sql(h.compiled -> o.id::text, '', 'f')) end;
    return query execute format(
      'select e.batch, e.seq, e.object_id, e.record_id, $3 || ''.'' || e.action,
         case when $8 = ''TWENTY'' then (jsonb_strip_nulls(jsonb_build_object(
             ''userId'', m.user_id, ''workspaceMemberId'', m.id, ''apiKeyId'', case when $7 and e.actor_type = ''api_key'' then e.actor_id end))
           || jsonb_build_object(''targetUrl'', $9, ''eventName'', $3 || ''.'' || e.action, ''objectMetadata'', jsonb_build_object(''id'', e.object_id, ''nameSingular'', $3),
             ''workspaceId'', $4, ''webhookId'', $10, ''eventDate'', e.happened_at, ''record'', s.record::jsonb)
           || case when e.action = ''updated'' then jsonb_build_object(''updatedFields'', s.changed) else ''{}'' end)::text
         else concat(''{"type":"'', $3, ''.'', e.action, ''","timestamp":'', to_json(e.happened_at), '',"data":{"workspaceId":"'', $4, ''","object":"'', $3,
           ''","recordId":"'', e.record_id, ''","action":"'', e.action, ''","actor":'',
           case when $7 then json_build_object(''type'', e.actor_type, ''id'', e.actor_id, ''name'', e.actor_name)::text else ''null'' end,
           '',"before":'', coalesce(case when e.action = ''updated'' then s.before::text when e.action in (''deleted'', ''destroyed'', ''merged'') then s.record else e.before::text end, ''null''),
           '',"after":'', coalesce(case when e.action = ''updated'' then s.after::text when e.action in (''created'', ''restored'') then s.record when e.action <> ''merged'' or $6 then e.after::text end, ''null''),
           case when e.action = ''updated'' then concat('',"changedFields":'', s.changed) end, '',"record":'', s.record, ''}}'') end
       from (
         select e.* from unnest($1, $2) k (batch, seq) cross join lateral (select e.* from %1$I.record_events e where e.batch = k.batch and e.seq = k.seq offset 0) e
         union all
         select (jsonb_populate_record(null::%1$I.record_events, a)).* from unnest($17) a
       ) e
       left join %2$s t on t.id = e.record_id
       left join %1$I.trash d on d.object_id = $5 and d.record_id = e.record_id and t.id is null
       left join core.members m on $7 and $8 = ''TWENTY'' and e.actor_type = ''member'' and m.id = e.actor_id
       -- What the log says of the record as the change left it, and of what it was before; unpacked once.
       cross join lateral (
         select case when e.action in (''created'', ''restored'', ''updated'') then %5$s || ''{}'' when e.action in (''deleted'', ''destroyed'', ''merged'') then %6$s || ''{}'' end as log,
           case when e.action = ''updated'' then %6$s end as before
         offset 0
       ) l
       cross join lateral (
         select %7$s as record, case when e.action = ''updated'' then engine.told_values(l.before, $11, $12, $15) end as before, case when e.action = ''updated'' then engine.told_values(l.log, $11, $12, $15) end as after,
           case when e.action = ''updated'' then (select coalesce(jsonb_agg(distinct c.field), ''[]'') from unnest($11, $13) c (name, field) where l.log ? c.name) end as changed
         offset 0
       ) s
       where ($6 or exists (select from %2$s t where t.id = e.record_id and %3$s)
           or exists (select from jsonb_populate_record(null::%2$s, d.data) t where d.record_id is not null and %3$s))
         and (e.action <> ''updated'' or s.before <> ''{}'') and (e.action not in (''linked'', ''unlinked'') or engine.sees_link($16, coalesce(e.after, e.before))) and %4$s',
      v_schema, v_table, v_condition, v_filter, engine.reading_of(o, 'after'), engine.reading_of(o, 'before'), engine.told_record(v_names, v_keys, v_fields, v_parts, v_are_text))
    using k.batches, k.seqs, o.name_singular, h.workspace_id, o.id, v_is_whole, v_knows_who, h.format, h.target_url, h.id, v_names, v_keys, v_fields, v_parts, v_are_text, v_role, k.archived;
  end loop;
end
$$;
comment on function engine.webhook_payloads(uuid, bigint[], int[], jsonb[]) is
  'What a webhook says of events, which are named by batch and seq, or given as the archive has them; no row for what its role does not see, or its filter leaves out.';

-- What is too long to send says where it can be read.
create or replace function engine.shortened_payload(body jsonb) returns jsonb
language sql immutable parallel safe set search_path = ''
  return case when body ? 'data' then jsonb_set(body, '{data}', (body -> 'data') - '{before,after,changedFields,record}'::text[] || '{"isShortened": true}')
    else body || jsonb_build_object('record', jsonb_build_object('id', body #> '{record,id}'), 'isShortened', true) end;
