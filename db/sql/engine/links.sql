-- A link of a many-to-many relation is a record of its junction. That it came or went is told of the two records that it
-- links as well, so that each one's history has it.

create or replace function engine.tg_records__log_links() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
  v_near int;
  v_far int;
  v_object metadata.objects;
  v_action text;
  v_rows text;
  v_batch bigint;
  v_count bigint;
begin
  if engine.is_quiet() then
    return null;
  end if;
  -- Arguments: the workspace, and for either side the column, the object that it leads to, and the field of the junction.
  for v_near in select n from unnest('{1,4}'::int[]) n loop
    v_far := 5 - v_near;
    select o.* into v_object from metadata.objects o where o.id = tg_argv[v_near + 1]::uuid;
    continue when not v_object.is_audited;
    foreach v_action in array case tg_op when 'INSERT' then '{linked}' when 'DELETE' then '{unlinked}' else '{unlinked,linked}'::text[] end loop
      v_rows := case when tg_op = 'UPDATE' then format(
          '(select %1$s.* from old_rows o join new_rows n on n.id = o.id where (o.%2$I, o.%3$I) is distinct from (n.%2$I, n.%3$I))',
          case v_action when 'linked' then 'n' else 'o' end, tg_argv[1], tg_argv[4])
        else case v_action when 'linked' then 'new_rows' else 'old_rows' end end;
      v_batch := nextval('engine.event_batch');
      -- Of a record that went with its links there is nothing to tell but that.
      execute format(
        'insert into %1$I.record_events (batch, seq, object_id, record_id, action, %2$I, actor_type, actor_id, actor_name, source, request_id)
         select $1, row_number() over (), $2, r.%3$I, $3, jsonb_build_object(''link'', jsonb_build_object(''id'', r.id, ''fieldId'', $4, ''objectId'', $5, ''recordId'', r.%4$I)), $6, $7, $8, $9, $10
         from %5$s r where r.%3$I is not null and r.%4$I is not null and exists (select from %1$I.%6$I t where t.id = r.%3$I)',
        tg_table_schema, case v_action when 'linked' then 'after' else 'before' end, tg_argv[v_near], tg_argv[v_far], v_rows, v_object.table_name)
      using v_batch, v_object.id, v_action, (select f.id from metadata.fields f where f.junction_field_id = tg_argv[v_near + 2]::uuid and f.workspace_id = tg_argv[0]::uuid limit 1),
        tg_argv[v_far + 1]::uuid, v_actor.type, v_actor.id, v_actor.name, engine.current_source(), nullif(current_setting('relvar.request_id', true), '');
      get diagnostics v_count = row_count;
      if v_count > 0 then
        insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, v_object.workspace_id, v_object.id, v_action);
      end if;
    end loop;
  end loop;
  return null;
end
$$;

-- The arguments of that trigger; none for what is no junction of two.
create or replace function engine.link_arguments(object metadata.objects, spec engine.column_spec[]) returns text
language sql stable set search_path = ''
as $$
  select case when count(*) = 2 then quote_literal((object).workspace_id) || string_agg(format(', %L, %L, %L', s.name, r.target_object_id, s.field_id), '' order by s.ordinal, s.field_id) end
  from unnest(spec) s
  join metadata.relations r on r.id = s.relation_id
  where (object).is_junction and s.object_id = (object).id
    and exists (select from metadata.fields m where m.workspace_id = (object).workspace_id and m.junction_field_id = s.field_id)
$$;

-- Who does not see the other end of a link is not told of the link.
create or replace function engine.sees_link(caller name, change jsonb) returns boolean
language sql stable set search_path = ''
as $$
  select coalesce(engine.reads_wholly(caller, o.id) or engine.may_touch(caller, o.id, (change -> 'link' ->> 'recordId')::uuid, 'READ'), false)
  from (select (change -> 'link' ->> 'objectId')::uuid as id) l left join metadata.objects o on o.id = l.id
$$;
