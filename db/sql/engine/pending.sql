-- Metadata that changed is reconciled once, at the end of the transaction: ten inserts are one
-- reconciliation, and metadata and tables commit together or not at all.

-- Changes of one workspace's model follow one another; other workspaces are not held up. The
-- version rises once a transaction, so that a mutation can return it before the commit.
create function engine.note_change(workspace_id uuid) returns void
language plpgsql volatile security definer set search_path = '' set lock_timeout = '5s'
as $$
begin
  begin
    perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
  exception when lock_not_available then
    raise exception 'Somebody else is changing the data model of this workspace.'
      using errcode = 'RV021', hint = 'Their transaction has been open for a while. Try again in a moment.';
  end;
  insert into engine.pending (workspace_id) values (note_change.workspace_id) on conflict do nothing;
  if found then
    update core.workspaces w set model_version = w.model_version + 1 where w.id = note_change.workspace_id;
  end if;
end
$$;

create function engine.tg_metadata__changed() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid;
begin
  for v_workspace in select distinct c.workspace_id from changed c join core.workspaces w on w.id = c.workspace_id loop
    perform engine.note_change(v_workspace);
  end loop;
  return null;
end
$$;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['objects', 'fields', 'relations', 'roles', 'object_permissions'] loop
    execute format('create trigger _900_changed_insert after insert on metadata.%I referencing new table as changed for each statement execute function engine.tg_metadata__changed()', v_table);
    execute format('create trigger _900_changed_update after update on metadata.%I referencing new table as changed for each statement execute function engine.tg_metadata__changed()', v_table);
    execute format('create trigger _900_changed_delete after delete on metadata.%I referencing old table as changed for each statement execute function engine.tg_metadata__changed()', v_table);
  end loop;
end
$$;

create function engine.tg_pending__apply() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Reconciled earlier in this transaction, as creating a workspace does.
  delete from engine.pending p where p.workspace_id = new.workspace_id;
  if found then
    perform engine.apply(new.workspace_id);
  end if;
  return null;
end
$$;
create constraint trigger apply after insert on engine.pending
  deferrable initially deferred for each row execute function engine.tg_pending__apply();
