-- What an app may do besides reading and writing records. Scopes take away from the permissions of the role: settings are changed
-- with the scope of that name alone, and who may come in, and as whom, is never changed by an app that was let in. The server
-- says in settings of the transaction that it comes from an app; like the member, they are no choice of the caller's.
create or replace function engine.is_in_scope(flag text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(current_setting('relvar.application_id', true), '') = ''
    or (select case
      when f.kind = 'TOOL' then true
      else f.flag = any ('{WORKSPACE,DATA_MODEL,LAYOUTS,WORKFLOWS,APPLICATIONS,MARKETPLACE_APPS,AI_SETTINGS}')
        and 'settings' = any (string_to_array(current_setting('relvar.scopes', true), ' ')) end
      from engine.permission_flags() f where f.flag = is_in_scope.flag)
$$;
comment on function engine.is_in_scope(text) is 'Whether a permission is among what an app was granted; always, where no app asks.';

create or replace function engine.assert_in_person() returns void
language plpgsql stable set search_path = ''
as $$
begin
  -- A person's own database login may have been made to write, and ends; what it would make here would not.
  if coalesce(current_setting('relvar.application_id', true), '') <> '' or not engine.is_trusted_session() then
    raise exception 'Only people do this, and signed in.' using errcode = '42501', hint = 'Do it yourself, in the settings.';
  end if;
end
$$;
comment on function engine.assert_in_person() is 'Refuses what only a person does, whatever an app or a database login may: keys and apps, which would outlive it.';
grant execute on function engine.is_in_scope(text) to relvar_crm;
