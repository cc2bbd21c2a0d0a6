-- Saving a rich text that several may be writing: it is changed only where it still is as the writer read it. Otherwise the writer is given what it is now, and puts the two together.
-- As whoever calls: grants and policies say which records and fields.
create or replace function engine.save_text(workspace_id uuid, schema_name text, object_name text, record_id uuid, field_name text, base text, text text) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_table regclass;
  v_column text;
  v_document text;
  v_found boolean;
  v_present text;
begin
  select format('%I.%I', schema_name, o.table_name)::regclass,
    lower(regexp_replace(f.name, '([A-Z])', '_\1', 'g')) || '_markdown', lower(regexp_replace(f.name, '([A-Z])', '_\1', 'g')) || '_document'
  into v_table, v_column, v_document
  from metadata.objects o join metadata.fields f on f.object_id = o.id
  where o.workspace_id = save_text.workspace_id and o.name_singular = object_name and o.is_active and o.deleted_at is null
    and f.name = field_name and f.type = 'RICH_TEXT' and f.is_active and f.deleted_at is null;
  if v_table is null then
    raise exception 'There is no rich text "%" of "%".', field_name, object_name using errcode = 'RV285', column = 'field_name', hint = 'Give the API names of an object and of a field of it, such as note and bodyV2.';
  elsif length(text) > 500000 then
    raise exception 'A text may have 500,000 characters.' using errcode = 'RV286', column = 'text', hint = 'Put a part of it into another note.';
  end if;
  execute format('update %1$s t set %2$I = nullif($1, ''''), %3$I = null where t.id = $2 and coalesce(t.%2$I, '''') = coalesce($3, '''')', v_table, v_column, v_document) using text, record_id, base;
  get diagnostics v_found = row_count;
  if v_found then
    return jsonb_build_object('isSaved', true, 'text', coalesce(text, ''));
  end if;
  execute format('select true, coalesce(t.%I, '''') from %s t where t.id = $1', v_column, v_table) into v_found, v_present using record_id;
  if v_found and v_present = coalesce(base, '') then
    raise exception 'Your role may not change this record.' using errcode = '42501', hint = 'Ask who may to share it with you.';
  end if;
  -- A record that is gone has no text.
  return jsonb_build_object('isSaved', false, 'text', v_present);
end
$$;

-- Reached only through the tenant's own functions, bound to their schema.
grant execute on function engine.save_text(uuid, text, text, uuid, text, text, text) to relvar_crm;
