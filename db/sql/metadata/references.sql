-- Where the model speaks of a field or a relation by its id, a manifest says "field:company.name" or
-- "relation:person.company>company".

-- What ids are called, in JSON or in text.
create or replace function engine.references_by_name(workspace_id uuid, value jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_text text := value::text;
  r record;
begin
  if v_text !~ '[0-9a-f]{8}-[0-9a-f]{4}-' then
    return value;
  end if;
  for r in
    select m.id, coalesce(
      (select 'field:' || o.name_singular || '.' || f.name from metadata.fields f join metadata.objects o on o.id = f.object_id
        where f.workspace_id = references_by_name.workspace_id and f.id = m.id::uuid),
      (select 'relation:' || o.name_singular || '.' || f.name || '>' || t.name_singular from metadata.relations l join metadata.fields f on f.id = l.field_id
        join metadata.objects o on o.id = f.object_id join metadata.objects t on t.id = l.target_object_id
        where l.workspace_id = references_by_name.workspace_id and l.id = m.id::uuid),
      (select 'object:' || o.name_singular from metadata.objects o where o.workspace_id = references_by_name.workspace_id and o.id = m.id::uuid)) as name
    from (select distinct x[1] as id from regexp_matches(v_text, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'g') x) m
  loop
    v_text := replace(v_text, r.id, coalesce(r.name, r.id));
  end loop;
  return v_text::jsonb;
end
$$;

-- The ids of what is called so here; `planned` has those of what is only to be made.
create or replace function engine.references_by_id(workspace_id uuid, value jsonb, planned jsonb default '{}', is_strict boolean default true) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_text text := value::text;
  r record;
begin
  if v_text !~ '"(field|relation|object):' then
    return value;
  end if;
  for r in
    select m.name, coalesce(planned ->> m.name,
      (select f.id::text from metadata.fields f join metadata.objects o on o.id = f.object_id
        where f.workspace_id = references_by_id.workspace_id and f.deleted_at is null and o.deleted_at is null and 'field:' || o.name_singular || '.' || f.name = m.name),
      (select l.id::text from metadata.relations l join metadata.fields f on f.id = l.field_id join metadata.objects o on o.id = f.object_id join metadata.objects t on t.id = l.target_object_id
        where l.workspace_id = references_by_id.workspace_id and l.deleted_at is null and 'relation:' || o.name_singular || '.' || f.name || '>' || t.name_singular = m.name),
      (select o.id::text from metadata.objects o where o.workspace_id = references_by_id.workspace_id and o.deleted_at is null and 'object:' || o.name_singular = m.name)) as id
    from (select distinct x[1] as name from regexp_matches(v_text, '"((?:field|relation|object):[A-Za-z0-9.>]+)"', 'g') x) m
  loop
    continue when r.id is null and not is_strict;
    if r.id is null then
      raise exception 'The manifest speaks of %, which is neither in it nor here.', r.name using errcode = 'RV067', column = 'manifest',
        hint = 'Add it to the manifest, or take out what speaks of it.';
    end if;
    v_text := replace(v_text, '"' || r.name || '"', '"' || r.id || '"');
  end loop;
  return v_text::jsonb;
end
$$;
