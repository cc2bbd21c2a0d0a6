-- Workspaces with equal shapes can be served by one GraphQL schema. The fingerprint covers all
-- that such a schema is made of: tables, columns, types, keys, names and descriptions, without
-- identities and without the schema's own name. Each object has its own, so that a change of one
-- object reads one object.
create or replace function engine.shapes(schema_name text, scope uuid[] default null) returns table (object_key text, shape text)
language plpgsql stable set search_path = ''
as $$
begin
  return query
  with fact as materialized (
    select * from engine.actual(schema_name, scope)
  )
  select s.object_key, md5(string_agg(s.line, E'\n' order by s.line collate "C"))
  from (
    select coalesce(f.table_key, '') as object_key,
      concat_ws('|', f.kind, f.table_name, regexp_replace(f.name, '_rule_[0-9a-f]{12}$', '_rule'), f.pg_type, case when f.kind = 'column' then f.not_null end, (f.default_expr is not null), (f.generated_expr is not null),
        case when f.kind = 'constraint' then replace(replace(pg_catalog.pg_get_constraintdef(f.oid), schema_name, 'ws'), ' NOT VALID', '') end,
        regexp_replace(coalesce(f.comment, ''), '@relvar[^\n]*\n?', '')) as line
    from fact f
    -- The API does not show what was made beside the engine. Functions that belong to an object run in triggers.
    where (f.kind in ('table', 'internal', 'column', 'constraint') or f.kind = 'function' and f.table_key is null)
      and f.key !~ '(^| )unmanaged:'
      -- Nor columns of former and of coming types.
      and not (f.kind = 'column' and f.name ~ '^(former|pending)_[0-9a-f]{12}$')
  ) s
  group by s.object_key;
end
$$;

create or replace function engine.shape(schema_name text) returns text
language sql stable set search_path = ''
as $$ select md5(string_agg(s.shape, '' order by s.shape)) from engine.shapes(schema_name) s $$;
comment on function engine.shape(text) is 'Fingerprint of what an API over a tenant schema is made of. Equal shapes share one GraphQL schema.';

-- Reads the objects in scope anew and returns the shape of the whole.
create or replace function engine.refresh_shape(workspace_id uuid, schema_name text, scope uuid[]) returns text
language plpgsql volatile set search_path = ''
as $$
begin
  delete from engine.object_shapes s where s.workspace_id = refresh_shape.workspace_id and (scope is null or s.object_key = any (scope::text[]));
  insert into engine.object_shapes (workspace_id, object_key, shape)
  select refresh_shape.workspace_id, s.object_key, s.shape from engine.shapes(schema_name, scope) s;
  return (select md5(string_agg(s.shape, '' order by s.shape)) from engine.object_shapes s where s.workspace_id = refresh_shape.workspace_id);
end
$$;
