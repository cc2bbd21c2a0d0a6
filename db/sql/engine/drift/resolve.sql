-- Adopting writes metadata and signs what is there with its identity, so that nothing is built anew
-- and all data stays. Repairing runs the statements that were shown, and no others.

create or replace function engine.label_of(database_name text) returns text
language sql immutable strict set search_path = ''
  return upper(left(replace(database_name, '_', ' '), 1)) || substr(replace(database_name, '_', ' '), 2);

-- The comment that the engine would write, once metadata says what is there.
create or replace function engine.sign(workspace_id uuid, schema_name text, object_id uuid, fact_kind text, fact_key text, target text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  execute format('comment on %s is %L', target, (
    select d.comment from engine.desired(sign.workspace_id, schema_name, array[sign.object_id]) d where d.kind = fact_kind and d.key = fact_key));
end
$$;

create or replace function engine.adopt_column(v_object metadata.objects, schema_name text, relation oid, column_name text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  a record;
  v_type record;
  v_default jsonb;
  v_field uuid := engine.uuidv7();
  v_relation uuid := engine.uuidv7();
  v_target metadata.objects;
  v_key record;
begin
  select t.*, pg_catalog.format_type(t.atttypid, t.atttypmod) as pg_type, pg_catalog.pg_get_expr(d.adbin, d.adrelid) as expression,
    nullif(pg_catalog.col_description(relation, t.attnum), '') as described into a
  from pg_catalog.pg_attribute t left join pg_catalog.pg_attrdef d on d.adrelid = t.attrelid and d.adnum = t.attnum
  where t.attrelid = relation and t.attname = column_name;
  select k.oid, k.conname, k.confrelid, k.confdeltype into v_key from pg_catalog.pg_constraint k
  where k.conrelid = relation and k.contype = 'f' and k.conkey = array[a.attnum] and k.confdeltype in ('n', 'c', 'r', 'a') limit 1;
  select o.* into v_target from metadata.objects o
  where o.workspace_id = (v_object).workspace_id and o.deleted_at is null and to_regclass(format('%I.%I', schema_name, o.table_name)) = v_key.confrelid;
  v_type := engine.field_type_of(a.pg_type);
  if v_target.id is not null and a.pg_type = 'uuid' and column_name ~ '._id$' then
    insert into metadata.fields (id, workspace_id, object_id, name, label, type, is_required, position)
    values (v_field, (v_object).workspace_id, (v_object).id, engine.name_of(left(column_name, -3)), engine.label_of(left(column_name, -3)), 'RELATION', a.attnotnull, a.attnum);
    insert into metadata.relations (id, workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
    values (v_relation, (v_object).workspace_id, v_field, v_target.id, engine.free_field_name(v_target.id, (v_object).name_plural), (v_object).label_plural,
      case v_key.confdeltype when 'n' then 'SET_NULL' when 'c' then 'CASCADE' else 'RESTRICT' end);
    execute format('comment on column %s.%I is %L', relation::regclass, column_name, '@relvar ' || engine.column_key(v_field, 1, v_relation::text));
    -- NO ACTION is not what the engine writes for RESTRICT, so that key is made anew.
    if v_key.confdeltype <> 'a' then
      perform engine.sign((v_object).workspace_id, schema_name, (v_object).id, 'constraint', (v_object).id || ' fk:' || v_relation, format('constraint %I on %s', v_key.conname, relation::regclass));
    else
      execute format('alter table %s drop constraint %I', relation::regclass, v_key.conname);
    end if;
    return;
  end if;
  v_default := engine.default_of(a.pg_type, a.expression);
  insert into metadata.fields (id, workspace_id, object_id, name, label, description, type, settings, default_value, is_required, position)
  values (v_field, (v_object).workspace_id, (v_object).id, engine.name_of(column_name), engine.label_of(column_name), coalesce(a.described, ''), v_type.type,
    -- What is there may be blank; NOT NULL does not ask.
    v_type.settings || case when a.attnotnull and v_type.type in ('TEXT', 'ARRAY', 'RAW_JSON') then '{"allowBlank": true}' else '{}' end::jsonb, v_default, a.attnotnull, a.attnum);
  execute format('comment on column %s.%I is %L', relation::regclass, column_name, '@relvar ' || v_field);
end
$$;

create or replace function engine.adopt_table(workspace_id uuid, schema_name text, relation oid) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_table text := (select c.relname from pg_catalog.pg_class c where c.oid = relation);
  v_object metadata.objects;
  v_name text := engine.name_of(v_table);
  v_singular text;
  v_column record;
begin
  if (select c.relowner from pg_catalog.pg_class c where c.oid = relation) <> 'relvar_owner'::regrole then
    raise exception 'The table % belongs to another role, so it cannot be adopted.', v_table using errcode = 'RV085', column = 'key',
      hint = format('As an administrator: alter table %I.%I owner to relvar_owner;', schema_name, v_table);
  end if;
  v_singular := case when v_name ~ '[^aeiou]ies$' then left(v_name, -3) || 'y' when v_name ~ '[^s]s$' then left(v_name, -1) else v_name || 'Record' end;
  insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural, is_searchable, position)
  values (adopt_table.workspace_id, v_singular, v_name, engine.label_of(engine.snake_case(v_singular)), engine.label_of(v_table), false,
    (select coalesce(max(o.position), 0) + 1 from metadata.objects o where o.workspace_id = adopt_table.workspace_id))
  returning * into v_object;
  execute format('comment on table %s is %L', relation::regclass, '@relvar ' || v_object.id);
  for v_column in
    select a.attname, f.id from pg_catalog.pg_attribute a
    left join metadata.fields f on f.object_id = v_object.id and f.is_system and f.type <> 'ACTOR' and engine.snake_case(f.name) = a.attname
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped order by a.attnum
  loop
    if v_column.id is not null then
      execute format('comment on column %s.%I is %L', relation::regclass, v_column.attname, '@relvar ' || v_column.id);
    else
      perform engine.adopt_column(v_object, schema_name, relation, v_column.attname);
    end if;
  end loop;
  for v_column in select k.conname from pg_catalog.pg_constraint k where k.conrelid = relation and k.contype = 'p' loop
    perform engine.sign(adopt_table.workspace_id, schema_name, v_object.id, 'constraint', v_object.id || ' pk', format('constraint %I on %s', v_column.conname, relation::regclass));
  end loop;
  update metadata.objects o set label_field_id = (
    select f.id from metadata.fields f where f.object_id = o.id and f.type = 'TEXT' and not f.is_system
    order by f.name in ('name', 'title', 'label') desc, f.position limit 1)
  where o.id = v_object.id;
end
$$;

-- What the engine made, and somebody altered: metadata follows.
create or replace function engine.adopt_difference(workspace_id uuid, d engine.difference) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_id uuid := substring((d).key from '[0-9a-f]{8}-[0-9a-f-]{27}')::uuid;
  v_thing uuid := substring((d).key from ':([0-9a-f-]{36})')::uuid;
  v_part text := split_part((d).key, '.', 2);
  v_default jsonb;
begin
  case
    when (d).kind = 'table' then
      update metadata.objects o set name_plural = engine.camel_case((d).have.name) where o.id = v_id;
    when (d).kind = 'column' and (d).is_missing then
      -- The values are gone, so nothing is left to restore: the second time drops it.
      delete from metadata.fields f where f.id = v_id;
      delete from metadata.fields f where f.id = v_id;
    when (d).kind = 'column' then
      v_default := engine.default_of((d).have.pg_type, (d).have.default_expr);
      update metadata.fields f set
        name = case when (d).want.name <> (d).have.name then engine.camel_case((d).have.name) else f.name end,
        is_required = case when (d).want.not_null <> (d).have.not_null then (d).have.not_null else f.is_required end,
        settings = case when (d).have.not_null and not (d).want.not_null and (d).have.pg_type in ('text', 'text[]', 'jsonb') and f.type not in ('SELECT', 'COLOR')
          then f.settings || '{"allowBlank": true}' else f.settings end,
        default_value = case when (d).want.default_expr is not distinct from (d).have.default_expr then f.default_value
          when v_part = '' then v_default else jsonb_strip_nulls(coalesce(f.default_value, '{}') || jsonb_build_object(v_part, v_default)) end
      where f.id = v_id;
    when (d).key ~ ' rule:' then
      delete from metadata.rules r where r.id = v_thing;
    when (d).key ~ ' index:' then
      delete from metadata.indexes i where i.id = v_thing;
    else
      update metadata.fields f set is_unique = false where f.id = v_thing;
  end case;
end
$$;

create or replace function engine.adopt(workspace_id uuid, schema_name text, item engine.drift_item) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_table oid;
  v_model jsonb;
  v_id uuid := engine.uuidv7();
  v_key text;
  k record;
begin
  select o.* into v_object from metadata.objects o where o.id = (item).object_id;
  v_table := to_regclass(format('%I.%I', schema_name, case (item).kind when 'table' then (item).name else coalesce(v_object.table_name, '') end));
  if (item).key !~ '(^| )unmanaged:' then
    perform engine.adopt_difference(workspace_id, d) from engine.difference(workspace_id, schema_name, null, true) d where (d.kind, d.key) = ((item).kind, (item).key);
  elsif (item).kind = 'table' then
    perform engine.adopt_table(workspace_id, schema_name, v_table);
  elsif (item).kind = 'column' then
    perform engine.adopt_column(v_object, schema_name, v_table, (item).name);
  else
    select c.oid, c.contype, c.conindid into k from pg_catalog.pg_constraint c where (item).kind = 'constraint' and c.conrelid = v_table and c.conname = (item).name;
    if k.contype = 'c' then
      v_model := engine.check_as_rule(k.oid);
      insert into metadata.rules (id, workspace_id, object_id, field_id, kind, settings)
      values (v_id, adopt.workspace_id, v_object.id, (v_model ->> 'fieldId')::uuid, v_model ->> 'kind', v_model -> 'settings');
      perform engine.sign(workspace_id, schema_name, v_object.id, 'constraint', v_object.id || ' rule:' || v_id, format('constraint %I on %s', (item).name, v_table::regclass));
      return;
    end if;
    v_model := engine.index_as_model(coalesce(k.conindid, to_regclass(format('%I.%I', schema_name, (item).name))));
    if k.contype = 'u' then
      execute format('alter table %s drop constraint %I', v_table::regclass, (item).name);
    end if;
    if v_model ? 'fieldIds' then
      insert into metadata.rules (id, workspace_id, object_id, kind, settings) values (v_id, adopt.workspace_id, v_object.id, 'UNIQUE', v_model);
      v_key := ' rule:';
    else
      insert into metadata.indexes (id, workspace_id, object_id, name, kind, parts) values (v_id, adopt.workspace_id, v_object.id, (item).name, v_model ->> 'kind', v_model -> 'parts');
      v_key := ' index:';
    end if;
    -- The engine's own would sort lists, too, so that one is made anew.
    if v_model ->> 'kind' = 'BTREE' then
      execute format('drop index %I.%I', schema_name, (item).name);
    elsif k.contype is null then
      perform engine.sign(workspace_id, schema_name, v_object.id, 'index', v_object.id || v_key || v_id, format('index %I.%I', schema_name, (item).name));
    end if;
  end if;
end
$$;

-- A repair changes no metadata, but the version rises: what the API is made of may have changed.
create or replace function engine.repair(workspace_id uuid, schema_name text, item engine.drift_item) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_statement text;
  v_version bigint;
  v_shape text;
begin
  foreach v_statement in array (item).statements loop
    execute v_statement;
  end loop;
  v_shape := engine.refresh_shape(workspace_id, schema_name, null);
  update core.workspaces w set shape = v_shape, model_version = w.model_version + 1 where w.id = workspace_id returning w.model_version into v_version;
  perform engine.note_statements(workspace_id, v_version, (item).statements);
  perform pg_notify('relvar_model', json_build_object('workspace', workspace_id, 'version', v_version, 'shape', v_shape)::text);
exception
  when lock_not_available or deadlock_detected then
    raise exception 'The table is busy, so the repair was not made.' using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
  when not_null_violation or check_violation or unique_violation or foreign_key_violation or data_exception then
    raise exception 'Records do not fit the repair, so it was not made: %', sqlerrm using errcode = 'RV023', hint = 'Correct those records first.';
  when dependent_objects_still_exist then
    raise exception 'Something else needs it, so it was not dropped: %', sqlerrm using errcode = 'RV085', hint = 'Drop or change that first.';
end
$$;
