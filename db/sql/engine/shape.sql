-- Workspaces with equal shapes can be served by one GraphQL schema. The fingerprint covers all
-- that such a schema is made of: tables, columns, types, keys, names and descriptions, without
-- identities and without the schema's own name.
create function engine.shape(schema_name text) returns text
language sql stable set search_path = ''
as $$
  with fact as (
    select * from engine.actual(schema_name)
  )
  select md5(string_agg(line, E'\n' order by line collate "C"))
  from (
    select concat_ws('|', f.kind, f.table_name, f.name, f.pg_type, f.not_null, (f.default_expr is not null), (f.generated_expr is not null),
      case when f.kind = 'constraint' then replace(pg_catalog.pg_get_constraintdef(f.oid), schema_name, 'ws') end,
      regexp_replace(coalesce(f.comment, ''), '@relvar[^\n]*\n?', '')) as line
    from fact f
    where f.kind in ('table', 'internal', 'column', 'constraint', 'function')
    union all
    -- The API shows what some role may do, so privileges are part of the shape, roles by number.
    select concat_ws('|', 'grant', f.table_name, replace(f.name, schema_name, 'ws'), f.definition)
    from fact f where f.kind = 'grant'
  ) s
$$;
comment on function engine.shape(text) is 'Fingerprint of what an API over a tenant schema is made of. Equal shapes share one GraphQL schema.';
