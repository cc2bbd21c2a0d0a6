-- How a view lays its records out, besides its columns, filter and order: what a board, a calendar, a gallery, a timeline and a map are each told.
-- What one type does not ask stays, so that switching there and back loses nothing.
create or replace function engine.view_layout(layout jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_key text;
  v_value jsonb;
begin
  if jsonb_typeof(layout) is distinct from 'object' or length(layout::text) > 50000 then
    raise exception 'The layout of a view is an object.' using errcode = 'RV265', column = 'layout', hint = 'Give {} for none.';
  end if;
  for v_key, v_value in select * from jsonb_each(jsonb_strip_nulls(layout)) loop
    if not coalesce(case v_key
      when 'cardSize' then v_value in ('"COMPACT"', '"FULL"')
      when 'bounds' then jsonb_typeof(v_value) = 'array' and jsonb_array_length(v_value) <= 50 and not jsonb_path_exists(v_value, '$[*] ? (@.type() != "number")')
      when 'hiddenColumns' then jsonb_typeof(v_value) = 'array' and not jsonb_path_exists(v_value, '$[*] ? (@.type() != "string")')
      when 'collapsedColumns' then jsonb_typeof(v_value) = 'array' and not jsonb_path_exists(v_value, '$[*] ? (@.type() != "string")')
      when 'limits' then jsonb_typeof(v_value) = 'object' and not jsonb_path_exists(v_value, '$.* ? (@.type() != "number" || @ < 1)')
      when 'summary' then jsonb_typeof(v_value -> 'fieldId') = 'string' and v_value -> 'aggregate' in ('"SUM"', '"AVG"', '"MIN"', '"MAX"')
      when 'dateFieldId' then jsonb_typeof(v_value) = 'string'
      when 'endFieldId' then jsonb_typeof(v_value) = 'string'
      when 'scale' then v_value in ('"QUARTER"', '"MONTH"', '"WEEK"', '"DAY"')
      when 'coverFieldId' then jsonb_typeof(v_value) = 'string'
      when 'placeFieldId' then jsonb_typeof(v_value) = 'string'
      else false end, false) then
      raise exception 'A view is not laid out by "%": %.', v_key, left(v_value::text, 100) using errcode = 'RV265', column = 'layout',
        hint = 'cardSize: COMPACT or FULL. bounds: numbers. hiddenColumns, collapsedColumns: texts. limits: {column: number}. '
          'summary: {fieldId, aggregate: SUM, AVG, MIN or MAX}. dateFieldId, endFieldId, coverFieldId, placeFieldId: fields. scale: QUARTER, MONTH, WEEK or DAY.';
    end if;
  end loop;
  return jsonb_strip_nulls(layout);
end
$$;
