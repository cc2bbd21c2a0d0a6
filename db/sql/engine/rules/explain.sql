-- Why PostgreSQL refused a record, in words, from the name of the constraint: each bears in its
-- comment what it stands for.

create or replace function engine.refusal(key text, workspace_id uuid, schema_name text)
returns table (message text, hint text, field_id uuid, field_name text, rule_id uuid)
language plpgsql stable set search_path = ''
as $$
declare
  v_kind text := split_part(key, ':', 1);
  v_id uuid := substring(key from ':([0-9a-f-]{36})')::uuid;
  v_rule metadata.rules;
  v_field metadata.fields;
  v_target text;
  v_max int;
begin
  if v_kind = 'rule' then
    select r.* into v_rule from metadata.rules r where r.id = v_id and r.workspace_id = refusal.workspace_id;
    if not found then
      return;
    end if;
    -- A condition speaks of several fields; one alone is the one at fault.
    select f.* into v_field from metadata.fields f
    where f.id = coalesce(v_rule.field_id, case when cardinality(engine.rule_fields(v_rule)) = 1 then (engine.rule_fields(v_rule))[1]
      else (v_rule.settings #>> '{fieldIds,0}')::uuid end);
    return query select coalesce(nullif(btrim(v_rule.message), ''), case v_rule.kind when 'UNIQUE' then (
          select 'Another record has the same ' || string_agg(f.label, ' and ' order by u.n)
          from jsonb_array_elements_text(v_rule.settings -> 'fieldIds') with ordinality as u (id, n) join metadata.fields f on f.id = u.id::uuid) || '.'
        else engine.rule_text(v_rule) end),
      case v_rule.kind when 'UNIQUE' then 'Change one of the two, or open the record that there is.'
        else case when btrim(v_rule.message) <> '' then engine.rule_text(v_rule) end end, v_field.id, v_field.name, v_rule.id;
    return;
  end if;
  if v_kind = 'fk' then
    select f.* into v_field from metadata.relations r join metadata.fields f on f.id = r.field_id where r.id = v_id and r.workspace_id = refusal.workspace_id;
    select o.label_singular into v_target from metadata.relations r join metadata.objects o on o.id = r.target_object_id where r.id = v_id;
  else
    select f.* into v_field from metadata.fields f where f.id = coalesce(v_id, substring(key from '^([0-9a-f-]{36})')::uuid) and f.workspace_id = refusal.workspace_id;
  end if;
  if v_field.id is null then
    return;
  end if;
  v_max := (v_field.settings ->> 'maxNumberOfValues')::int;
  return query select
    case v_kind
      when 'fk' then format('There is no such %s for "%s".', v_target, v_field.label)
      when 'unique' then format('Another record has this value of "%s", and it must be unique.', v_field.label)
      when 'options' then format('"%s" is one of: %s.', v_field.label, (
        select string_agg(e ->> 'label', ', ' order by n) || case when count(*) < jsonb_array_length(v_field.options) then ', …' else '' end
        from jsonb_array_elements(v_field.options) with ordinality as u (e, n) where n <= 10))
      when 'rating' then format('"%s" is a number from 1 to 5.', v_field.label)
      when 'colour' then format('"%s" is a colour such as #1c7ed6.', v_field.label)
      when 'lat' then format('The latitude of "%s" is between -90 and 90.', v_field.label)
      when 'lng' then format('The longitude of "%s" is between -180 and 180.', v_field.label)
      when 'one_target' then format('"%s" points to one record at a time.', v_field.label)
      when 'count' then format('"%s" holds at most %s.', v_field.label, case v_max when 1 then '1 value' else v_max || ' values' end)
      when 'currency' then format('The currency of "%s" is a code of three capital letters, such as EUR.', v_field.label)
      -- What remains are NOT NULL and its like.
      else format('"%s" is required.', v_field.label) end,
    case v_kind
      when 'fk' then 'It may have been deleted. Choose another one.'
      when 'unique' then 'Choose another value, or open the record that has it.'
      when 'options' then 'The API takes their values: ' || (select string_agg(e ->> 'value', ', ' order by n) from jsonb_array_elements(v_field.options) with ordinality as u (e, n) where n <= 10)
      when 'colour' then 'Write # and six digits or small letters from a to f.'
      when 'one_target' then 'Empty the other side of the relation first.'
      when 'blank' then 'Spaces alone do not count.' end,
    v_field.id, v_field.name, null::uuid;
end
$$;

-- The columns of a constraint or of a unique index.
create or replace function engine.constraint_columns(table_id oid, constraint_name text) returns text[]
language sql stable set search_path = ''
as $$
  select coalesce(array_agg(a.attname::text order by a.attnum), '{}')
  from (
    select unnest(k.conkey) as attnum from pg_catalog.pg_constraint k where k.conrelid = table_id and k.conname = constraint_name
    union
    select d.refobjsubid from pg_catalog.pg_class i
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = i.oid and d.refobjid = table_id and d.refobjsubid > 0
    where i.relname = constraint_name and i.relkind = 'i'
      and i.oid in (select x.indexrelid from pg_catalog.pg_index x where x.indrelid = table_id)
  ) c
  join pg_catalog.pg_attribute a on a.attrelid = table_id and a.attnum = c.attnum
$$;

-- What a caller may be told of a constraint: all of it only where he reads or writes each of its columns and,
-- of a unique one, sees each record. Whether the other record is one that he sees is no matter: were the words
-- another then, they would tell.
create or replace function engine.knows_constraint(caller name, object metadata.objects, table_id oid, constraint_name text, is_unique boolean, out knows_columns boolean, out knows_records boolean)
language sql stable set search_path = ''
as $$
  select not exists (
      select from unnest(engine.constraint_columns(table_id, constraint_name)) c
      where not (has_column_privilege(caller, table_id, c, 'select') or has_column_privilege(caller, table_id, c, 'insert') or has_column_privilege(caller, table_id, c, 'update'))),
    -- Asked of the role that is told: the session is the server's own.
    not is_unique or exists (
      select from engine.roles_of(caller) c
      join metadata.roles i on i.id = c
      cross join lateral engine.effective_permissions((object).workspace_id, array[(object).id], array[i.pg_role]) p
      where p.can_read and not p.is_limited)
$$;

create or replace function engine.explain_violation(schema_name text, table_name text, constraint_name text, column_name text, caller name default null)
returns table (message text, hint text, field_id uuid, field_name text, rule_id uuid)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = explain_violation.schema_name);
  v_table oid := to_regclass(format('%I.%I', schema_name, table_name));
  v_object metadata.objects;
  v_is_unique boolean;
  v_knows record;
  v_key text;
begin
  if constraint_name <> '' then
    v_key := engine.identity_of(coalesce(
      (select pg_catalog.obj_description(k.oid, 'pg_constraint') from pg_catalog.pg_constraint k where k.conrelid = v_table and k.conname = constraint_name),
      (select pg_catalog.obj_description(c.oid, 'pg_class') from pg_catalog.pg_class c join pg_catalog.pg_index i on i.indexrelid = c.oid
        where i.indrelid = v_table and c.relname = constraint_name)));
  end if;
  if v_key is null and column_name <> '' then
    v_key := (select engine.identity_of(pg_catalog.col_description(v_table, a.attnum)) from pg_catalog.pg_attribute a
      where a.attrelid = v_table and a.attname = column_name);
  end if;
  if v_workspace is null then
    return;
  end if;
  if caller is not null and constraint_name <> '' then
    select o.* into v_object from metadata.objects o where o.workspace_id = v_workspace and o.table_name = explain_violation.table_name;
    v_is_unique := exists (select from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid where i.indrelid = v_table and c.relname = constraint_name and i.indisunique);
    v_knows := engine.knows_constraint(caller, v_object, v_table, constraint_name, v_is_unique);
    if not v_knows.knows_columns then
      return query select 'A rule of the data does not allow this record.', 'It is about fields that your role does not see. Ask somebody who does.', null::uuid, null::text, null::uuid;
      return;
    elsif not v_knows.knows_records then
      return query select case when r.field_id is null then 'A value of this record cannot be used.' else format('This value of "%s" cannot be used.', f.label) end,
        'Choose another value.', r.field_id, r.field_name, null::uuid
      from (select) one left join engine.refusal(coalesce(v_key, ''), v_workspace, schema_name) r on true left join metadata.fields f on f.id = r.field_id;
      return;
    end if;
  end if;
  if v_key is not null then
    return query select * from engine.refusal(v_key, v_workspace, schema_name);
  end if;
end
$$;
comment on function engine.explain_violation(text, text, text, text, name) is
  'Why PostgreSQL refused a record: a sentence, a way out, and the field or rule, from what its error names, as far as the caller may know. No row where it says nothing.';
grant execute on function engine.explain_violation(text, text, text, text, name) to relvar_server;
