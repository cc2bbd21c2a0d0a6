-- What a change of type would come to, for who decides on it. Changes nothing.
create or replace function metadata.preview_conversion(field_id uuid, type text, settings jsonb default null, options jsonb default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  f metadata.fields;
  t metadata.fields;
  v_standing engine.standing_field;
  v_count engine.conversion_count;
  v_is_link boolean;
  v_in_place boolean;
  v_is_online boolean;
  v_problem text;
  v_hint text;
begin
  select x.* into f from metadata.fields x where x.id = field_id;
  if not found then
    raise exception 'There is no such field.' using errcode = 'RV011', column = 'field_id';
  end if;
  perform engine.assert_manages(f.workspace_id);
  v_standing := engine.standing_field(f);
  v_is_link := exists (select from engine.conversions c where c.from_type = f.type and c.to_type = preview_conversion.type and c.route = 'LINK');
  begin
    perform engine.assert_convertible(f, type);
    if v_is_link then
      perform engine.assert_link_convertible(f, type, coalesce(settings, f.settings));
    end if;
    t := engine.retyped(f, type, settings, options, v_standing);
  exception when sqlstate 'RV070' or sqlstate 'RV072' or sqlstate 'RV073' then
    get stacked diagnostics v_problem = message_text, v_hint = pg_exception_hint;
    return jsonb_build_object('total', 0, 'empty', 0, 'converts', 0, 'fails', 0, 'failures', '[]'::jsonb, 'samples', '[]'::jsonb, 'isPossible', false,
      'inPlace', false, 'lockLevel', null, 'rewrites', false, 'estimatedMs', 0, 'isOnline', false, 'note', concat_ws(' ', v_problem, v_hint));
  end;
  if v_standing is null then
    raise exception 'The field "%" has no column yet.', f.label using errcode = 'RV072', column = 'field_id', hint = 'Commit its creation first.';
  end if;
  v_count := case when v_is_link then engine.count_links(f, t, v_standing) else engine.count_conversion(f, t, v_standing) end;
  v_in_place := v_count.is_identical and v_standing.generated = '{}';
  v_is_online := not v_in_place and not v_is_link and v_count.total > (select s.online_rows from engine.settings s);
  return jsonb_build_object('total', v_count.total, 'empty', v_count.empty, 'converts', v_count.converts, 'fails', v_count.fails,
    'failures', v_count.failures, 'samples', v_count.samples, 'isPossible', v_count.fails = 0, 'inPlace', v_in_place,
    'lockLevel', 'AccessExclusive', 'rewrites', not v_in_place and not v_is_online,
    'estimatedMs', case when v_in_place or v_is_online then 5 else 5 + v_count.total / 40 end, 'isOnline', v_is_online,
    'options', t.options,
    'note', concat_ws(' ', case
      when v_in_place then 'The values stay as they are.'
      when v_is_online then 'A job converts the records in batches while everybody goes on working; then the field changes at once.'
      else 'The values are converted in one step, which keeps others from the table for that long.' end,
      case when v_count.fails > 0 then format('%s values do not fit. They are left empty if the settings say {"onFailure": "EMPTY"}.', v_count.fails) end,
      case when not v_in_place then 'The former values are kept, so that the change can be undone.' end));
end
$$;
comment on function metadata.preview_conversion(uuid, text, jsonb, jsonb) is 'What changing a field''s type would come to: how many values convert, which do not, whether it locks or rewrites. Changes nothing.';
grant execute on function metadata.preview_conversion(uuid, text, jsonb, jsonb) to relvar_crm;
