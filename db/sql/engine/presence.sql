-- Who has a record open, and which field of it is being edited. It lasts as long as the page says so, and is not worth
-- a log: after a crash of the database each page says it again. Servers are told when it changes, not each time that it
-- is repeated.

create or replace function engine.presence_lasts() returns interval
language sql immutable parallel safe
  return interval '40 seconds';

create or replace function engine.announce_presence(caller name, schema_name text, object_name text, record_id uuid, page uuid, field text, is_leaving boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
  v_actor engine.actor := engine.current_actor();
  v_field text := left(field, 100);
  v_before record;
begin
  if (v_actor).type is distinct from 'member' then
    raise exception 'Only members are present; a key or an app is not.' using errcode = 'RV200', hint = 'Announce it with the session of a member.';
  end if;
  select p.record_id, p.field, p.seen_at, p.member_id into v_before from engine.presence p where p.page = page for update;
  if v_before.member_id <> (v_actor).id then
    raise exception 'This page is another member''s.' using errcode = 'RV201', hint = 'Make a UUID of its own for each page.';
  end if;
  if is_leaving then
    delete from engine.presence p where p.page = page;
  else
    insert into engine.presence as p (page, workspace_id, object_id, record_id, member_id, name, field)
    values (page, v_object.workspace_id, v_object.id, record_id, (v_actor).id, (v_actor).name, v_field)
    on conflict on constraint presence_pkey do update set object_id = excluded.object_id, record_id = excluded.record_id, name = excluded.name, field = excluded.field, seen_at = now(),
      since = case when p.record_id = excluded.record_id then p.since else now() end
    where p.member_id = excluded.member_id;
  end if;
  if is_leaving or v_before.record_id is null or v_before.field is distinct from v_field or v_before.record_id <> record_id or v_before.seen_at < now() - engine.presence_lasts() then
    perform pg_notify('relvar_presence', json_build_object('workspace', v_object.workspace_id, 'records', array_remove(array[record_id, nullif(v_before.record_id, record_id)], null))::text);
    delete from engine.presence p where p.seen_at < now() - 10 * engine.presence_lasts();
  end if;
  return true;
end
$$;

-- A member with several pages is one, of whom it matters most what is being edited. Who may not read the field is
-- not told of it.
create or replace function engine.present_members(caller name, schema_name text, object_name text, record_id uuid)
returns table (member_id uuid, name text, field text, since timestamptz, expires_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
  v_fields text[] := array(
    select f.name from engine.field_columns(v_object.workspace_id, array[v_object.id]) c join metadata.fields f on f.id = c.field_id
    where has_column_privilege(caller, format('%I.%I', schema_name, v_object.table_name), c.name, 'select'));
begin
  return query
  select distinct on (p.member_id) p.member_id, p.name, case when p.field = any (v_fields) then p.field end,
    min(p.since) over (partition by p.member_id), min(p.seen_at) over (partition by p.member_id) + engine.presence_lasts()
  from engine.presence p
  where p.record_id = present_members.record_id and p.object_id = v_object.id and p.workspace_id = v_object.workspace_id and p.seen_at > now() - engine.presence_lasts()
  order by p.member_id, p.field is null, p.seen_at desc;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.announce_presence(name, text, text, uuid, uuid, text, boolean), engine.present_members(name, text, text, uuid) to relvar_crm;
