-- What should stand in a tenant's schema, as facts. A fact has an identity (kind and key) that
-- survives renames: the engine writes it, with a hash of what the thing depends on, into the
-- comment of what it creates, as "@relvar <key> <hash>". Comparing desired with actual facts by
-- identity is the whole of planning.

-- PostgreSQL cuts names at 63 bytes; cutting them ourselves keeps them unique.
create or replace function engine.fit_name(name text) returns text
language sql immutable strict parallel safe set search_path = ''
  return case when octet_length(name) <= 63 then name else left(name, 54) || '_' || left(md5(name), 8) end;

create or replace function engine.fact_comment(key text, basis text, tags text default null, description text default null) returns text
language sql immutable parallel safe set search_path = ''
  return '@relvar ' || key || coalesce(' ' || left(md5(basis), 12), '')
    || coalesce(E'\n' || nullif(tags, ''), '')
    -- Lines at the top that begin with @, indented or not, steer the API; an empty line ends them, so
    -- that what people write is none.
    || coalesce(E'\n' || case when description ~ '^\s*@' then E'\n' else '' end || nullif(description, ''), '');

create or replace function engine.desired_tables(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'table', o.id::text, o.id::text, o.table_name, o.table_name, null,
    engine.fact_comment(o.id::text, null,
      '@singular ' || o.name_singular || E'\n@plural ' || o.name_plural || case when o.is_active and o.deleted_at is null then '' else E'\n@behavior -*' end
        || coalesce(E'\n@labelColumn ' || l.columns, ''),
      case when o.description = '' then o.label_plural else o.description end),
    null, null::boolean, null, null, null::oid
  from metadata.objects o
  -- The API sorts records by what their relations' targets are called.
  cross join lateral (
    select string_agg(engine.snake_case(f.name) || c.suffix, ' ' order by c.position) as columns
    from metadata.fields f join engine.field_type_columns c on c.type = coalesce(f.result_type, f.type)
    where f.id = o.label_field_id and f.workspace_id = o.workspace_id and f.deleted_at is null and (f.type = 'FULL_NAME' or c.position = 1)
  ) l
  where o.workspace_id = desired_tables.workspace_id and (scope is null or o.id = any (scope))
$$;

create or replace function engine.desired_columns(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'column', c.key, c.object_id::text, c.table_name, c.name, c.generated_kind,
    engine.fact_comment(c.key, c.generated_basis,
      case when not c.is_active or c.type = 'TS_VECTOR' then '@behavior -*'
        -- What roles may not write, the API does not offer to write.
        when not c.is_writable then '@behavior -attribute:insert -attribute:update'
        when c.name = 'id' then '@behavior -attribute:update' end, c.description),
    c.pg_type, c.not_null, c.default_expr, c.generated_expr, null::oid
  from unnest(spec) c
  union all
  -- Columns of former types keep their values for as long as the change can be undone.
  select 'column', r.key, r.object_id::text, o.table_name, r.name, null, engine.fact_comment(r.key, null, '@behavior -*', 'Values of a former type.'),
    r.pg_type, false, null, null, null
  from engine.retired_columns r
  join metadata.objects o on o.id = r.object_id and o.workspace_id = r.workspace_id
  where r.workspace_id = desired_columns.workspace_id and (scope is null or r.object_id = any (scope))
  union all
  -- Columns of coming types, while a job fills them.
  select 'column', p.key, p.object_id::text, o.table_name, p.name, null, engine.fact_comment(p.key, null, '@behavior -*', 'Values of a coming type.'),
    p.pg_type, false, null, null, null
  from engine.pending_columns(desired_columns.workspace_id, scope) p
  join metadata.objects o on o.id = p.object_id and o.workspace_id = desired_columns.workspace_id
$$;

create or replace function engine.desired_constraints(workspace_id uuid, schema_name text, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select * from unnest(spec)
  ), constraints as (
    select o.id as object_id, o.table_name, 'pk' as key, o.table_name || '_pkey' as name, 'primary key (id)' as definition,
      'pk' as basis, null as tags
    from metadata.objects o where o.workspace_id = desired_constraints.workspace_id and (scope is null or o.id = any (scope))
    union all
    select s.object_id, s.table_name, 'fk:' || r.id, s.table_name || '_' || s.name || '_fkey',
      format('foreign key (%I) references %I.%I (id) on delete %s', s.name, schema_name, t.table_name,
        lower(replace(e.on_delete, '_', ' '))),
      r.target_object_id || e.on_delete,
      case when s.is_active and t.is_active and o.is_active and o.deleted_at is null
        then '@fieldName ' || engine.camel_case(left(s.name, -3)) || E'\n@foreignFieldName ' || r.inverse_name
          -- By the two keys of a junction the API leads from each side to the other.
          || coalesce((select E'\n@manyToMany' || case when m.deleted_at is null and m.is_active then ' ' || m.name else '' end
            from metadata.fields m where m.workspace_id = r.workspace_id and m.junction_field_id = r.field_id), '')
        else '@behavior -*' end
    from metadata.relations r
    join spec s on s.relation_id = r.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = r.workspace_id
    join metadata.objects o on o.id = s.object_id and o.workspace_id = r.workspace_id
    -- A link that nobody sees any more neither holds a record back nor takes one along.
    cross join lateral (select case when r.deleted_at is null and s.name !~ '^deleted_' and o.deleted_at is null then r.on_delete else 'SET_NULL' end as on_delete) e
    where r.workspace_id = desired_constraints.workspace_id
    union all
    select s.object_id, s.table_name, 'one_target:' || s.field_id, s.table_name || '_' || engine.snake_case(f.name) || '_check',
      format('check (num_nonnulls(%s) <= 1)', string_agg(quote_ident(s.name), ', ' order by s.name)),
      string_agg(s.key, ',' order by s.key), null
    from spec s join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_constraints.workspace_id
    where f.type = 'MORPH_RELATION'
    group by s.object_id, s.table_name, s.field_id, f.name
    having count(*) > 1
    union all
    select s.object_id, s.table_name, 'options:' || f.id, s.table_name || '_' || s.name || '_check',
      case f.type when 'SELECT' then format('check (%I = any (%L::text[]))', s.name, v.list)
        else format('check (%I <@ %L::text[])', s.name, v.list) end,
      -- Another type may have the same options in another column.
      v.list::text || coalesce(substring(s.key from '~.*'), ''), null
    from metadata.fields f
    join spec s on s.field_id = f.id
    cross join lateral (select array_agg(e ->> 'value' order by e ->> 'value') as list from jsonb_array_elements(f.options) e) v
    where f.workspace_id = desired_constraints.workspace_id and f.type in ('SELECT', 'MULTI_SELECT') and v.list is not null and f.deleted_at is null
      and (scope is null or f.object_id = any (scope))
    union all
    select s.object_id, s.table_name, 'rating:' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I between 1 and 5)', s.name), 'rating', null
    from spec s where s.type = 'RATING'
    union all
    select s.object_id, s.table_name, 'colour:' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I ~ ''^#[0-9a-f]{6}$'')', s.name), 'colour', null
    from spec s where s.type = 'COLOR'
    union all
    select s.object_id, s.table_name, s.part || ':' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I between %s and %2$s * -1)', s.name, case s.part when 'lat' then -90 else -180 end), s.part, null
    from spec s where s.type = 'LOCATION'
    union all
    -- Required of records that are created from some moment on, while older ones may stay as they are.
    select s.object_id, s.table_name, 'required:' || s.field_id, s.table_name || '_' || s.name || '_required',
      format('check (created_at < %s or %I is not null)', engine.moment_literal(f.required_from), s.name), engine.moment_literal(f.required_from) || coalesce(substring(s.key from '~.*'), ''), null
    from spec s join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_constraints.workspace_id
    where f.is_required and f.required_from is not null and s.is_active and s.ordinal = 1 and f.type <> 'MORPH_RELATION'
  )
  select 'constraint', c.object_id || ' ' || c.key, c.object_id::text, c.table_name, engine.fit_name(c.name), c.definition,
    engine.fact_comment(c.key, c.basis, c.tags), null, null::boolean, null, null, null::oid
  from constraints c
$$;

create or replace function engine.desired_indexes(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select s.*, f.is_unique and f.deleted_at is null as is_unique, f.settings
    from unnest(spec) s
    join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_indexes.workspace_id
  ), indexes as (
    select s.object_id, s.table_name, 'unique:' || s.key as key, s.table_name || '_' || s.name || '_key' as name,
      format(case when u.ignores_case then 'unique (lower(%I))' else 'unique (%I)' end, s.name) as definition,
      s.key || s.type || case when u.ignores_case and s.type not in ('EMAILS', 'LINKS') then ' ignores case' else '' end as basis
    from spec s
    cross join lateral (select s.pg_type = 'text' and (s.type in ('EMAILS', 'LINKS') or s.settings ->> 'uniqueIgnoresCase' = 'true') as ignores_case) u
    where s.is_unique and s.ordinal = 1 and s.type not in ('MORPH_RELATION', 'FULL_NAME', 'RAW_JSON', 'TS_VECTOR')
      and not (s.type = 'UUID' and s.name = 'id')
    union all
    select s.object_id, s.table_name, 'fk:' || s.relation_id, s.table_name || '_' || s.name || '_idx', format('(%I)', s.name), s.key
    from spec s
    where s.relation_id is not null and not (s.is_unique and s.type in ('RELATION', 'MEMBER'))
    union all
    select s.object_id, s.table_name, 'search', s.table_name || '_' || s.name || '_idx', format('using gin (%I)', s.name), s.key
    from spec s where s.type = 'TS_VECTOR'
    union all
    select o.id, o.table_name, 'label', o.table_name || '_label_idx',
      format('using gin (engine.search_text(%s) public.gin_trgm_ops)', engine.label_expression(o.id)), engine.column_key(f.id, f.revision, '')
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id and f.workspace_id = o.workspace_id and f.type in ('TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS', 'AUTO_NUMBER')
    where o.workspace_id = desired_indexes.workspace_id and o.is_searchable and (scope is null or o.id = any (scope))
  )
  select 'index', i.object_id || ' ' || i.key, i.object_id::text, i.table_name, engine.fit_name(i.name), i.definition,
    engine.fact_comment(i.key, i.basis), null, null::boolean, null, null, null::oid
  from indexes i
$$;

create or replace function engine.desired_triggers(workspace_id uuid, scope uuid[], spec engine.column_spec[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'trigger', o.id || ' ' || w.name, o.id::text, o.table_name, w.name, w.definition,
    engine.fact_comment(w.name, w.definition), null, null::boolean, null, null, null::oid
  from metadata.objects o
  -- The log and the trash leave out what is not in transition tables; that what is computed differs is no change.
  left join (
    select s.object_id, string_agg(quote_literal(s.name), ', ' order by s.name) as computed,
      string_agg(', ' || quote_literal(s.name), '' order by s.name) filter (where s.generated_kind = 'virtual') as hidden
    from unnest(spec) s where s.generated_kind is not null group by s.object_id
  ) c on c.object_id = o.id
  cross join lateral (select engine.link_arguments(o, spec) as arguments) l
  cross join lateral (select engine.file_arguments(o.id, spec) as arguments) f
  cross join lateral engine.repeat_trigger(o, spec) t
  cross join lateral (values
    ('_100_touch', format('before update on %%s for each row execute function engine.tg_records__touch(%s)', c.computed), true),
    ('_120_keep_files', format('before insert or update on %%s for each row execute function engine.tg_records__keep_files(%s)', f.arguments), f.arguments is not null),
    ('_130_read_recurrence', t.reads, t.reads is not null),
    ('_200_log_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_200_log_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_200_log_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_210_log_links_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_210_log_links_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_210_log_links_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_300_trash', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__trash(%L%s)', o.id, c.hidden), true),
    ('_310_hold_files', format('after insert or update on %%s for each row execute function engine.tg_records__hold_files(%L, %s)', o.id, f.arguments), f.arguments is not null),
    ('_330_repeat', t.repeats, t.repeats is not null),
    ('_500_tell_core', format('after update on %%s for each row execute function engine.tg_records__tell_core(%L)', o.workspace_id), o.universal_identifier = 'standard:workspaceMember')
  ) as w (name, definition, wanted)
  where o.workspace_id = desired_triggers.workspace_id and w.wanted and (scope is null or o.id = any (scope))
$$;
