-- Objects of one's own have notes and tasks once whoever keeps the data model says so. With the rights of the caller: it is a change of the model as any other.
create or replace function metadata.keep_notes(object_id uuid) returns boolean
language plpgsql volatile set search_path = ''
as $$
begin
  insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name, on_delete)
  select f.id, o.id, j.label, j.name, 'CASCADE'
  from metadata.objects o
  cross join (values ('standard:noteTarget', 'Notes', 'noteTargets'), ('standard:taskTarget', 'Tasks', 'taskTargets')) j (identifier, label, name)
  join metadata.objects t on t.workspace_id = o.workspace_id and t.universal_identifier = j.identifier and t.deleted_at is null
  join metadata.fields f on f.object_id = t.id and f.type = 'MORPH_RELATION' and f.deleted_at is null
  where o.id = keep_notes.object_id and not o.is_junction
    and not exists (select from metadata.relations r where r.field_id = f.id and r.target_object_id = o.id and r.deleted_at is null);
  return found;
end
$$;
comment on function metadata.keep_notes(uuid) is 'Lets notes and tasks be about the records of an object, too. False when they can be already.';

grant execute on function metadata.keep_notes(uuid) to relvar_crm;
