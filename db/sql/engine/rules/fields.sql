-- What fields demand by themselves: their settings that are rules of the data, and that a required
-- text is no row of spaces. NOT NULL stays NOT NULL, which costs nothing to check and lets
-- PostgreSQL skip scans; the check beside it looks at the text alone.
create or replace function engine.desired_field_checks(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with field as materialized (
    select s.*, f.settings, f.required_from, f.is_required and f.is_active and not f.is_system and f.deleted_at is null as is_demanded,
      (f.settings ->> 'maxNumberOfValues')::int as max_values
    from unnest(spec) s
    join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_field_checks.workspace_id
  ), checks as (
    select s.object_id, s.table_name, 'blank:' || s.field_id as key, s.table_name || '_' || s.name || '_filled' as name,
      case when s.required_from is null then '%s' else format('created_at < %s or %%s', engine.moment_literal(s.required_from)) end as template,
      engine.present_sql(quote_ident(s.name), s.pg_type) as sql, s.key || coalesce(engine.moment_literal(s.required_from), '') as basis
    from field s
    where s.is_demanded and s.ordinal = 1 and s.pg_type in ('text', 'text[]', 'jsonb') and s.type not in ('SELECT', 'COLOR')
      and s.generated_expr is null and s.settings -> 'allowBlank' is distinct from 'true'
    union all
    select s.object_id, s.table_name, 'count:' || s.field_id, s.table_name || '_' || s.name || '_count', '%s',
      engine.length_sql(quote_ident(s.name), s.pg_type) || ' <= '
        -- The first of several stands in a column of its own.
        || case when s.part = '' then s.max_values else s.max_values - 1 end, s.key || s.max_values
    from field s
    where s.max_values is not null and (s.type, s.part) in (('ARRAY', ''), ('FILES', ''), ('EMAILS', 'additionalEmails'), ('PHONES', 'additionalPhones'), ('LINKS', 'secondaryLinks'))
    union all
    select s.object_id, s.table_name, 'currency:' || s.field_id, s.table_name || '_' || s.name || '_check', '%s',
      format('%I ~ ''^[A-Z]{3}$''', s.name), s.key
    from field s where (s.type, s.part) = ('CURRENCY', 'currencyCode')
  )
  select 'constraint', c.object_id || ' ' || c.key, c.object_id::text, c.table_name, engine.fit_name(c.name), 'check (' || format(c.template, c.sql) || ')',
    engine.fact_comment(c.key, c.basis), null, null::boolean, null, null, null::oid
  from checks c
$$;
