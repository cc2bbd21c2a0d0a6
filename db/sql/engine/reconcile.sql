-- A new version of the engine may want other triggers, names or policies for the same model. After
-- the migrations each workspace is brought in line once, in a transaction of its own, so that one
-- that cannot be (its tables are busy, its records do not fit) holds no other up and is tried again.

-- What the engine derives tables from, besides the model.
create or replace function engine.version() returns text
language sql stable set search_path = ''
as $$
  select md5(
    (select string_agg(md5(pg_catalog.pg_get_functiondef(p.oid)), '' order by p.oid::regprocedure::text collate "C")
      from pg_catalog.pg_proc p where p.pronamespace = 'engine'::regnamespace and p.prokind = 'f')
    || (select string_agg(c::text, ';' order by c.type, c.part) from engine.field_type_columns c))
$$;
comment on function engine.version() is 'Fingerprint of the engine. Workspaces that were reconciled by another one are looked at again.';

create or replace function engine.reconcile(workspace_id uuid) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := engine.apply(workspace_id);
begin
  perform engine.begin_positions(workspace_id);
  insert into engine.reconciled as r (workspace_id, version) values (reconcile.workspace_id, engine.version())
  on conflict on constraint reconciled_pkey do update set version = excluded.version, reconciled_at = now();
  return v_count;
end
$$;
comment on function engine.reconcile(uuid) is 'engine.apply for a whole workspace, remembering by which engine. The migrations call it for each.';
