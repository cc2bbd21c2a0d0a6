-- Computed fields: formulas and rollups. A formula that reads its own record alone is a generated
-- column where the server has virtual ones; every other is a plain column that triggers keep.

create or replace function engine.is_generated(field metadata.fields) returns boolean
language sql stable set search_path = ''
  return (field).type = 'FORMULA' and not engine.formula_reads_relations((field).compiled) and current_setting('server_version_num')::int >= 180000;

-- Those that have columns: what is deleted has no values that could be lost.
create or replace function engine.computed_fields(workspace_id uuid, scope uuid[] default null) returns setof metadata.fields
language sql stable set search_path = ''
as $$
  select f.*
  from metadata.fields f
  join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
  where f.workspace_id = computed_fields.workspace_id and f.type in ('FORMULA', 'ROLLUP') and f.compiled is not null
    and f.deleted_at is null and o.deleted_at is null and (scope is null or f.object_id = any (scope))
$$;

-- What the values of a computed field depend on, by identity: when it changes, they are computed
-- anew. Other formulas count with what they depend on themselves.
create or replace function engine.computed_basis(field metadata.fields) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return concat_ws('|', (field).compiled::text, (
    select string_agg(concat_ws('~', g.id, g.revision,
      case g.type when 'NUMBER' then g.settings ->> 'dataType' when 'AUTO_NUMBER' then g.settings::text when 'FORMULA' then md5(engine.computed_basis(g)) end), ',' order by g.id)
    from engine.formula_fields((field).compiled) r join metadata.fields g on g.id = r));
end
$$;

-- Formulas that read others of the same record are computed after them.
create or replace function engine.computed_rank(field metadata.fields) returns int
language plpgsql stable set search_path = ''
as $$
begin
  return case when (field).type = 'ROLLUP' then 0 else (
    select coalesce(max(engine.computed_rank(g)), 0) + 1
    from engine.formula_fields((field).compiled) r join metadata.fields g on g.id = r
    where g.type in ('FORMULA', 'ROLLUP') and g.object_id = (field).object_id and g.id <> (field).id) end;
end
$$;

-- The columns in which a field's value lies: for a generated one those that it is generated from,
-- since transition tables do not show it.
create or replace function engine.stored_columns(field metadata.fields) returns text[]
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.is_generated(field) then
    return engine.formula_columns(field, '', '');
  end if;
  return engine.stored_columns(array(select engine.formula_fields((field).compiled)));
end
$$;

create or replace function engine.stored_columns(field_ids uuid[]) returns text[]
language plpgsql stable set search_path = ''
as $$
begin
  return array(select distinct c from metadata.fields f cross join unnest(engine.stored_columns(f)) c where f.id = any (field_ids) order by c);
end
$$;

-- Objects whose triggers and functions follow from a change of those in scope.
create or replace function engine.linked_scope(workspace_id uuid, scope uuid[]) returns uuid[]
language sql stable set search_path = ''
as $$
  select case when scope is not null then array(
    select unnest(scope)
    union
    select o.id
    from metadata.fields f
    cross join lateral (select array_agg(distinct g.object_id) as ids from engine.formula_fields(f.compiled) r join metadata.fields g on g.id = r) read
    cross join lateral unnest(read.ids || f.object_id) as o (id)
    where f.workspace_id = linked_scope.workspace_id and f.type in ('FORMULA', 'ROLLUP') and f.compiled is not null
      and (read.ids || f.object_id) && scope) end
$$;
