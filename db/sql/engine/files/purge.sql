-- Files that no record holds any more are noted as unwanted, in one transaction with their going; then a job erases their
-- content, as often as it takes, and only then are they forgotten.

create or replace function engine.purge_files() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
  v_total int := 0;
  r record;
begin
  for r in select w.id, w.schema_name, s.trash_days from core.workspaces w join core.workspace_settings s on s.workspace_id = w.id loop
    -- A workspace that is to be brought in line has no such tables yet.
    continue when to_regclass(format('%I.record_file_uses', r.schema_name)) is null;
    execute format('delete from %I.record_file_uses u
      where u.released_at < now() - make_interval(days => $1) or not exists (select from metadata.fields f where f.id = u.field_id)', r.schema_name) using r.trash_days;
    -- A day for forms that are being filled in. Whoever takes one up at this moment holds its row.
    execute format(
      'with unused as materialized (
         select f.id from %1$I.record_files f
         where f.created_at < now() - interval ''1 day'' and not exists (select from %1$I.record_file_uses u where u.file_id = f.id) limit 1000 for update skip locked
       ), gone as (
         delete from %1$I.record_files f using unused u where f.id = u.id returning f.id
       )
       insert into core.unwanted_files (workspace_id, file_id) select $1, g.id from gone g', r.schema_name) using r.id;
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  end loop;
  return v_total;
end
$$;
comment on function engine.purge_files() is 'Notes files that no record has held for as long as the trash keeps records, and uploads that were broken off, as unwanted. Returns how many.';
grant execute on function engine.purge_files() to relvar_worker;
